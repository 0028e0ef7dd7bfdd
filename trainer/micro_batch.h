/* SPDX-License-Identifier: Apache-2.0 */
/** @file micro_batch.h
 *  The samples of a training pass as one forest, with the tokens that are scored and the images that go in.
 */
#ifndef OPATRAIN_MICRO_BATCH_H
#define OPATRAIN_MICRO_BATCH_H

#include "train.h"

struct micro_batch {
    struct train_size most; /**< what there is room for */
    struct tree tree;
    struct train_size size;
    size_t *rows;         /**< [targets] tokens of the tree that predict them, in the samples' order */
    int32_t *ids;         /**< [targets] */
    const float **images; /**< [images] the caller's, by slot */
};

/** Room for @p most. OPA_ENOMEM. */
int micro_batch_init(struct trainer *t, struct micro_batch *out, const struct model *model, struct train_size most);
void micro_batch_release(struct micro_batch *batch);

/** Fill *out anew. Errors as train_forward(). */
int micro_batch_build(struct trainer *t, struct micro_batch *out, const struct model *model,
                      const struct train_sample *samples, size_t count);

#endif
