/* SPDX-License-Identifier: Apache-2.0 */
/** @file safetensors_file.h
 *  One file of tensors: 8 bytes with the length of a JSON header, the header, the data. A file may come from anywhere, so
 *  nothing in its header is believed: types and shapes have to fit the data, and the data to tile the file.
 */
#ifndef OPATRAIN_SAFETENSORS_FILE_H
#define OPATRAIN_SAFETENSORS_FILE_H

#include "safetensors.h"

struct safetensors_file {
    struct mapped map;
    char *path;       /**< as it was opened, for messages */
    const char *name; /**< its last part, by which an index calls it */
    void **aligned;
    size_t aligned_count; /**< copies of tensors whose data stand at odd addresses */
};

/** Append the tensors of @p file, whose map and path are set, to @p st. OPA_EDATA: damaged; the tensor is named. */
int safetensors_file_read(struct trainer *t, struct safetensors *st, struct safetensors_file *file);
void safetensors_file_release(struct safetensors_file *file);

#endif
