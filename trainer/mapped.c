/* SPDX-License-Identifier: Apache-2.0 */
#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(struct trainer *t, struct mapped *out, int fd, const char *path)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return trainer_fail(t, OPA_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return trainer_fail(t, OPA_EDATA, "%s: not a file", path);
    if (st.st_size == 0) {
        *out = (struct mapped){(const unsigned char *)"", 0};
        return OPA_OK;
    }
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return trainer_fail(t, OPA_EIO, "%s: %s", path, strerror(errno));
    *out = (struct mapped){data, (size_t)st.st_size};
    return OPA_OK;
}

int mapped_open(struct trainer *t, struct mapped *out, const char *path)
{
    *out = (struct mapped){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return trainer_fail(t, errno == ENOENT || errno == ENOTDIR ? OPA_ENOENT : OPA_EIO, "%s: %s", path,
                            strerror(errno));
    const int status = map(t, out, fd, path);
    close(fd);
    return status;
}

void mapped_release(struct mapped *file)
{
    if (file->size > 0)
        munmap((void *)(uintptr_t)file->data, file->size);
    *file = (struct mapped){0};
}

char *path_join(const char *dir, const char *name)
{
    const size_t m = strlen(dir), n = strlen(name);
    if (name[0] == '/')
        return strdup(name);
    char *path = malloc(m + n + 2);
    if (path == NULL)
        return NULL;
    memcpy(path, dir, m);
    path[m] = '/';
    memcpy(path + m + 1, name, n + 1);
    return path;
}

bool path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
