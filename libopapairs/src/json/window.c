/* SPDX-License-Identifier: Apache-2.0 */
#include "json/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"

#define CHUNK ((size_t)256 << 10)

int opa_window_open(opa_context *ctx, opa_window *out, const char *path)
{
    struct stat st;
    *out = (opa_window){.ctx = ctx, .owns_fd = strcmp(path, "-") != 0};
    out->fd = out->owns_fd ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (out->fd < 0) {
        const bool absent = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
        return opa_fail(ctx, absent ? OPA_ENOENT : OPA_EIO, "cannot be opened: %s", strerror(errno));
    }
    if (fstat(out->fd, &st) != 0)
        return opa_fail(ctx, OPA_EIO, "cannot be read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return opa_fail(ctx, OPA_ENOENT, "is a folder, not a file");
    out->total = S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
    return OPA_OK;
}

void opa_window_memory(opa_context *ctx, opa_window *out, opa_text bytes)
{
    *out = (opa_window){.ctx = ctx, .fd = -1, .eof = true, .data = bytes.data, .size = bytes.size};
    out->total = (int64_t)bytes.size;
}

void opa_window_release(opa_window *w)
{
    if (w->owns_fd && w->fd >= 0)
        close(w->fd);
    free(w->own);
    *w = (opa_window){.fd = -1};
}

/* Room for a chunk behind what is kept. */
static bool make_room(opa_window *w, size_t keep)
{
    const size_t passed = keep > w->base ? keep - w->base : 0;
    const size_t drop = passed < w->size ? passed : w->size;
    if (drop && w->size > drop)
        memmove(w->own, w->own + drop, w->size - drop);
    w->base += drop;
    w->size -= drop;
    if (w->capacity - w->size >= CHUNK)
        return true;
    const size_t capacity = w->capacity ? w->capacity * 2 : 2 * CHUNK;
    char *own = realloc(w->own, capacity);
    if (!own)
        return false;
    w->data = w->own = own;
    w->capacity = capacity;
    return true;
}

int opa_window_read(opa_window *w, size_t keep)
{
    if (w->eof)
        return OPA_END;
    if (!make_room(w, keep))
        return opa_fail_memory(w->ctx);
    ssize_t n;
    do
        n = read(w->fd, w->own + w->size, CHUNK);
    while (n < 0 && errno == EINTR);
    w->eof = n <= 0;
    if (n < 0)
        return opa_fail(w->ctx, OPA_EIO, "reading failed at byte %zu: %s", opa_window_end(w), strerror(errno));
    w->size += (size_t)n;
    return n > 0 ? OPA_OK : OPA_END;
}
