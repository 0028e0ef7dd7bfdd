/* SPDX-License-Identifier: Apache-2.0 */
/** @file file.h
 *  Reading files of a pack's folder, none of which is trusted to be a file.
 */
#ifndef OPA_PACK_FILE_H
#define OPA_PACK_FILE_H

#include <opapairs/pack.h>

#include "base/buffer.h"

/** Open a regular file in a folder for reading. OPA_ENOENT, OPA_EDATA (no regular file), OPA_EIO. @p size may be NULL.
 */
int opa_file_open(opa_context *ctx, int folder, const char *name, int *fd, uint64_t *size);
/** Bytes at an offset, into *out (replaced). OPA_EDATA: the file is shorter. */
int opa_file_read(opa_context *ctx, int fd, const char *name, uint64_t offset, size_t size, opa_buffer *out);
/** A whole file of at most @p most bytes. */
int opa_file_load(opa_context *ctx, int folder, const char *name, size_t most, opa_buffer *out);

#endif
