/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"

int opa_file_open(opa_context *ctx, int folder, const char *name, int *fd, uint64_t *size)
{
    /* O_NONBLOCK: a FIFO in the place of a shard must not hang the reader. */
    *fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return opa_fail(ctx, errno == ENOENT || errno == ENOTDIR ? OPA_ENOENT : OPA_EIO, "%s: %s", name,
                        strerror(errno));
    struct stat st;
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        *fd = -1;
        return opa_fail(ctx, OPA_EDATA, "%s: not a regular file", name);
    }
    if (size)
        *size = (uint64_t)st.st_size;
    return OPA_OK;
}

int opa_file_read(opa_context *ctx, int fd, const char *name, uint64_t offset, size_t size, opa_buffer *out)
{
    struct stat st;
    opa_buffer_clear(out);
    /* Before any memory is taken: a hostile index may ask for anything. */
    if (fstat(fd, &st) != 0 || offset > (uint64_t)st.st_size || size > (uint64_t)st.st_size - offset)
        return opa_fail(ctx, OPA_EDATA, "%s: the file is cut", name);
    if (!opa_buffer_reserve(out, size))
        return opa_fail_memory(ctx);
    while (out->size < size) {
        const ssize_t n = pread(fd, out->data + out->size, size - out->size, (off_t)(offset + out->size));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return opa_fail(ctx, OPA_EIO, "%s: %s", name, strerror(errno));
        if (n == 0)
            return opa_fail(ctx, OPA_EDATA, "%s: the file is cut", name);
        out->size += (size_t)n;
    }
    out->data[size] = '\0';
    return OPA_OK;
}

int opa_file_load(opa_context *ctx, int folder, const char *name, size_t most, opa_buffer *out)
{
    int fd;
    uint64_t size;
    int status = opa_file_open(ctx, folder, name, &fd, &size);
    if (status)
        return status;
    status = size > most ? opa_fail(ctx, OPA_EDATA, "%s: larger than %zu bytes", name, most)
                         : opa_file_read(ctx, fd, name, 0, (size_t)size, out);
    close(fd);
    return status;
}
