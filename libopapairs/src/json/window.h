/* SPDX-License-Identifier: Apache-2.0 */
/** @file window.h
 *  A window that slides over a file: only what is still needed of it is in memory. All positions are offsets in the
 *  file. Bytes in memory are a window that shows everything.
 */
#ifndef OPA_JSON_WINDOW_H
#define OPA_JSON_WINDOW_H

#include <opapairs/base.h>

typedef struct opa_window {
    opa_context *ctx;
    int fd; /* -1: bytes in memory */
    bool owns_fd, eof;
    const char *data; /* data[0] is the byte at base */
    char *own;        /* data when it was read */
    size_t base, size, capacity;
    int64_t total; /* size of the file, -1 unknown */
} opa_window;

/** Show a file ("-" is standard input). OPA_ENOENT; OPA_EIO. Release also after a failure. */
int opa_window_open(opa_context *ctx, opa_window *out, const char *path);
/** Show @p bytes, which must outlive *out. */
void opa_window_memory(opa_context *ctx, opa_window *out, opa_text bytes);
void opa_window_release(opa_window *window);
/** Read some more; what lies before @p keep may go. OPA_OK, OPA_END at the end of the file, OPA_EIO, OPA_ENOMEM. */
int opa_window_read(opa_window *window, size_t keep);

/** Where the bytes in memory end. */
static inline size_t opa_window_end(const opa_window *w)
{
    return w->base + w->size;
}

/** Is the byte at @p at in memory? */
static inline bool opa_window_shows(const opa_window *w, size_t at)
{
    return at - w->base < w->size;
}

/** The bytes from @p at on, which must be in memory. */
static inline const char *opa_window_at(const opa_window *w, size_t at)
{
    return w->data + (at - w->base);
}

#endif
