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
    int32_t *ids; /**< [targets] in the samples' order */
    /* What is behind the last layer: only tokens that predict a target, each once; in a node they are its last ones. */
    size_t *last;         /**< [last_count] tokens of the tree, ascending */
    size_t last_count;    /**< at most targets: the last token of a prompt predicts the first of each response */
    size_t *queries;      /**< [tree.node_count] how many of a node's tokens are among them */
    size_t *rows;         /**< [targets] which of them predicts a target */
    const float **images; /**< [images] the caller's, by slot */
    size_t *place;        /* [tokens] scratch of building */
    size_t query_capacity;
};

/** Room for @p most. OPA_ENOMEM. */
int micro_batch_init(struct trainer *t, struct micro_batch *out, const struct model *model, struct train_size most);
void micro_batch_release(struct micro_batch *batch);

/** Fill *out anew. Errors as train_forward(). */
int micro_batch_build(struct trainer *t, struct micro_batch *out, const struct model *model,
                      const struct train_sample *samples, size_t count);

#endif
