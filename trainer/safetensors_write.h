/* SPDX-License-Identifier: Apache-2.0 */
/** @file safetensors_write.h
 *  Writing what safetensors.h reads: the same bytes for the same tensors, whole or not at all.
 */
#ifndef OPATRAIN_SAFETENSORS_WRITE_H
#define OPATRAIN_SAFETENSORS_WRITE_H

#include "durable.h"
#include "safetensors.h"

/** A tensor to be written; all borrowed. */
struct tensor_out {
    const char *name;  /**< printable ASCII without quotes and backslashes */
    ops_matrix matrix; /**< without gaps between rows */
    bool vector;       /**< write shape [cols] of a matrix of one row */
};

/** A member of __metadata__; such text as names have. */
struct tensor_note {
    const char *key, *value;
};

/** Write @p tensors, sorted by name here (the list is reordered), and notes in their order. OPA_ECREATE, OPA_EIO,
 *  OPA_ENOMEM. */
int safetensors_write(struct trainer *t, const char *path, struct tensor_out *tensors, size_t count,
                      const struct tensor_note *notes, size_t note_count);

/** The same where the data are made as they are written: a header of @p tensors (name, dtype, rank, shape and size count) in
 *  this order. durable_write() their data in the same order, then durable_commit(). OPA_ECREATE, OPA_ENOMEM: nothing is open. */
int safetensors_begin(struct trainer *t, struct durable *out, const char *path, const struct tensor *tensors,
                      size_t count, const struct tensor_note *notes, size_t note_count);

#endif
