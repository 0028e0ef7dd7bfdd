/* SPDX-License-Identifier: Apache-2.0 */
/** @file safetensors.h
 *  Weights in safetensors files: one file, or shards with an index (model.safetensors.index.json). Format: a length
 *  (u64, little-endian), that many bytes of JSON that name each tensor with dtype, shape and byte range, then the data
 *  (huggingface/safetensors, README "Format"). Files are mapped; a tensor's data are a pointer into the mapping.
 *
 *  Refused, naming the tensor: ranges that overlap, leave holes or leave the file, sizes that do not fit dtype and
 *  shape, duplicate names, unknown dtypes, products that overflow, an index whose tensors or shards are not there.
 */
#ifndef OPATRAIN_SAFETENSORS_H
#define OPATRAIN_SAFETENSORS_H

#include "mapped.h"

enum { TENSOR_MAX_RANK = 8 };

struct tensor {
    char *name;
    const char *file;  /**< base name of its file */
    const char *path;  /**< of the file, as it was opened: for messages */
    const char *dtype; /**< as the format spells it: "F32", "BF16" ... Static storage */
    size_t rank;
    uint64_t shape[TENSOR_MAX_RANK];
    const void *data; /**< aligned to the size of an element */
    uint64_t size;    /**< bytes */
    bool used;        /**< for the reader's own book-keeping */
};

struct safetensors {
    struct safetensors_file *files;
    size_t file_count;
    struct tensor *tensors; /**< ascending by name */
    size_t count;
    uint64_t bytes; /**< of all data */
};

/** Open @p path: a file, or a folder with model.safetensors.index.json or @p single ("model.safetensors",
 *  "adapter_model.safetensors"). OPA_ENOENT: nothing there (the message names what was looked for); OPA_EDATA: damaged.
 *  Free with safetensors_free(). */
int safetensors_open(struct trainer *t, struct safetensors **out, const char *path, const char *single);
void safetensors_free(struct safetensors *st);

/** The tensor of this name, or NULL. */
struct tensor *safetensors_find(const struct safetensors *st, const char *name);
/** As a matrix: rank 2 as it is, any other rank as [shape[0], rest]. false: not of a type that weights are read in
 *  (F32, F16, BF16). */
bool tensor_matrix(ops_matrix *out, const struct tensor *tensor);
/** Is every element a number? Tensors of types that weights are not read in count as such. */
bool tensor_is_finite(const struct tensor *tensor);
/** "[32000, 48]" */
const char *tensor_shape_text(char out[160], const uint64_t *shape, size_t rank);

/** Check and list the tensors of one file's bytes, for tests and fuzzing: as safetensors_open() does for a single file
 *  named @p file. The bytes must outlive *out. */
int safetensors_parse(struct trainer *t, struct safetensors **out, const void *bytes, size_t size, const char *file);

#endif
