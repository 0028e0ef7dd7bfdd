/* SPDX-License-Identifier: Apache-2.0 */
/** @file train.h
 *  One forward and one backward pass over a micro-batch: several samples, each a prefix tree, in one forest without padding.
 *  The loss is the caller's: it reads the log-probs of a forward pass and gives their slopes to the backward pass, which adds
 *  to the gradients of the params. Gradients do not depend on how samples are grouped, but for rounding.
 *
 *      train_forward(pass, samples, n)    fills every response's logp
 *      ... response.slope = d loss / d logp ...
 *      train_backward(pass, samples, n)   adds to params->gradient
 *
 *  What the backward pass needs of a layer (its activations) is kept, or only the layer's input is and the layer is run again:
 *  the same kernels on the same numbers, so the same bits. How many layers are kept is planned before the first step, and all
 *  memory is taken then. Same samples, grouping, threads and core type: same bits.
 */
#ifndef OPATRAIN_TRAIN_H
#define OPATRAIN_TRAIN_H

#include "conversation.h"
#include "params.h"

/** What a pass takes for an image: all that is behind the last layer which is fixed, so that it can be cached. */
enum image_stage {
    IMAGE_PROJECTED, /**< [image rows, text hidden], model_see(): neither projector nor tower is trained */
    IMAGE_FEATURES,  /**< [image rows, vision hidden], clip_forward(): the projector is */
    IMAGE_PIXELS,    /**< [3, size, size], normalised: both are */
};
enum image_stage train_stage(const struct params *params);

struct train_response {
    const int32_t *ids;
    size_t count;
    double *logp;        /**< [count], filled by the forward pass: log p of each id, given everything before it */
    const double *slope; /**< [count], read by the backward pass; NULL: all 0 */
};

/** An image version (or, without one, none) with the responses below it. */
struct train_branch {
    const float *image; /**< as train_stage() says; NULL */
    const struct train_response *responses;
    size_t count;
};

struct train_sample {
    const struct ids *prompt; /**< with one TREE_IMAGE where the branches have images */
    const struct train_branch *branches;
    size_t count;
};

/** Sizes of a micro-batch. */
struct train_size {
    size_t tokens;  /**< of its trees */
    size_t targets; /**< response tokens */
    size_t images;  /**< image versions */
};
/** What @p sample takes, without building it; those of a micro-batch add up. */
struct train_size train_size(const struct model *model, const struct train_sample *sample);

/** Memory of a run, bytes, and what is kept for it. */
struct train_plan {
    struct train_size most;            /**< the largest micro-batch */
    size_t kept, layers;               /**< of the language model: activations kept, all */
    size_t kept_vision, layers_vision; /**< of the tower, where it is trained */
    uint64_t weights;     /**< mapped: shared with other runs, given back by the system when memory is short */
    uint64_t params;      /**< values and gradients */
    uint64_t activations; /**< what train_open() takes */
    uint64_t total;
};

/** Keep as many layers as fit @p memory bytes (0: all), with @p others bytes for what the caller needs beside (optimiser,
 *  caches). OPA_ENOMEM: not even with none kept; the message says what is the least. */
int train_plan(struct trainer *t, struct train_plan *out, const struct model *model, const struct params *params,
               struct train_size most, uint64_t others, uint64_t memory);

struct train; /* a pass with its memory */

/** Take the memory of the plan. The model and the params are borrowed. OPA_ENOMEM. */
int train_open(struct trainer *t, struct train **out, const struct model *model, struct params *params,
               const struct train_plan *plan);
void train_free(struct train *train);

/** OPA_EINVAL: the batch is larger than was planned for; OPA_ERECORD: ids beyond the vocabulary, or more positions than the
 *  model has (the message says which sample, from 0). */
int train_forward(struct train *train, const struct train_sample *samples, size_t count);
/** Behind a train_forward() of the same samples, once. */
int train_backward(struct train *train, const struct train_sample *samples, size_t count);

/** After a forward pass: the first layer of the language model whose output is not finite; the number of layers: all are
 *  finite; -1: what goes into the first one is not (images, embeddings). */
int train_first_bad_layer(const struct train *train);

#endif
