/* SPDX-License-Identifier: Apache-2.0 */
/** @file merge_weights.h
 *  The arithmetic of merge.h: one tensor, a block of rows at a time.
 */
#ifndef OPATRAIN_MODEL_MERGE_WEIGHTS_H
#define OPATRAIN_MODEL_MERGE_WEIGHTS_H

#include "model/merge.h"
#include "safetensors_write.h"

/** {t, model, adapter} is ready. */
struct merge_weights {
    struct trainer *t;
    const struct model *model;
    const struct adapter *adapter;
    struct merge_report report;
    float *block; /* [3 blocks]: the weights, their change, and rows of B */
    void *stored; /* a block in the type that it is written in */
    size_t capacity;
};
void merge_weights_release(struct merge_weights *m);

/** The adapter's change of this tensor, or NULL. */
const struct lora *merge_change_of(const struct merge_weights *m, const struct tensor *tensor);
/** Write the tensor's data as @p dtype ("F32", "BF16", "F16", else its own), its change added. OPA_ENOMEM. */
int merge_weights_put(struct merge_weights *m, struct durable *out, const struct tensor *tensor, const char *dtype);

#endif
