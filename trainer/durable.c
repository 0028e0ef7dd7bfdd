/* SPDX-License-Identifier: Apache-2.0 */
#include "durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapped.h"

int durable_open(struct trainer *t, struct durable *out, const char *path)
{
    *out = (struct durable){.path = strdup(path), .temporary = malloc(strlen(path) + 5)};
    if (out->path == NULL || out->temporary == NULL) {
        durable_abandon(out);
        return trainer_fail_memory(t);
    }
    strcpy(stpcpy(out->temporary, path), ".new");
    out->file = fopen(out->temporary, "wb");
    if (out->file != NULL)
        return OPA_OK;
    const int status = trainer_fail(t, OPA_ECREATE, "%s: %s", path, strerror(errno));
    durable_abandon(out);
    return status;
}

void durable_write(struct durable *d, const void *bytes, size_t size)
{
    if (size > 0 && d->reason == 0 && fwrite(bytes, 1, size, d->file) != size)
        d->reason = errno ? errno : EIO;
}

/* The folder that holds a path; the caller frees it. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* Bring a folder's list of names to the disk. */
static int sync_folder(struct trainer *t, const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot bring a folder to the disk (EINVAL); what they can, they have done. */
    const bool good = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    const int status = good ? OPA_OK : trainer_fail(t, OPA_EIO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return status;
}

int durable_rename(struct trainer *t, const char *from, const char *to)
{
    if (rename(from, to) != 0)
        return trainer_fail(t, OPA_EIO, "%s: %s", to, strerror(errno));
    char *folder = folder_of(to);
    const int status = folder ? sync_folder(t, folder) : trainer_fail_memory(t);
    free(folder);
    return status;
}

int durable_commit(struct trainer *t, struct durable *d)
{
    if (d->reason == 0 && (fflush(d->file) != 0 || fsync(fileno(d->file)) != 0))
        d->reason = errno;
    if (fclose(d->file) != 0 && d->reason == 0)
        d->reason = errno;
    d->file = NULL;
    const int status = d->reason == 0 ? durable_rename(t, d->temporary, d->path)
                                      : trainer_fail(t, OPA_EIO, "%s: %s", d->path, strerror(d->reason));
    if (status == OPA_OK) {
        free(d->temporary);
        d->temporary = NULL;
    }
    durable_abandon(d);
    return status;
}

void durable_abandon(struct durable *d)
{
    if (d->file != NULL)
        fclose(d->file);
    if (d->temporary != NULL)
        unlink(d->temporary);
    free(d->path);
    free(d->temporary);
    *d = (struct durable){0};
}

int durable_file(struct trainer *t, const char *path, const void *bytes, size_t size)
{
    struct durable d;
    const int status = durable_open(t, &d, path);
    if (status != OPA_OK)
        return status;
    durable_write(&d, bytes, size);
    return durable_commit(t, &d);
}

/* ---- folders ---- */

static bool has(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    const bool there = path != NULL && path_exists(path);
    free(path);
    return there;
}

const char *folder_holds(const char *path)
{
    return has(path, "manifest.json") && has(path, "index.tsv") ? "a pack"
           : has(path, "config.json")                           ? "a model"
                                                                : NULL;
}

int folder_make(struct trainer *t, const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return OPA_OK;
    if (errno == ENOENT)
        return trainer_fail(t, OPA_ECREATE, "%s: the folder that it is to stand in does not exist; make that first",
                            path);
    return trainer_fail(t, errno == ENOSPC ? OPA_EIO : OPA_ECREATE, "%s: %s", path, strerror(errno));
}

void folder_remove(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    rmdir(path);
}
