/* SPDX-License-Identifier: Apache-2.0 */
/** @file llama.h
 *  LLaMA (arXiv 2302.13971; grouped queries arXiv 2307.09288): names, shapes and the forward pass.
 */
#ifndef OPATRAIN_MODEL_LLAMA_H
#define OPATRAIN_MODEL_LLAMA_H

#include "model/loader.h"
#include "ops/rope.h"
#include "tree.h"

struct llama_layer {
    const float *input_norm, *post_norm; /**< [hidden] */
    struct linear q, k, v, o, gate, up, down;
};

struct llama {
    struct llama_config config;
    ops_matrix embedding, head; /**< [vocabulary, hidden]; the same when tied */
    const float *norm;          /**< [hidden], before the head */
    struct llama_layer *layers;
    float *inv_freq; /**< [head_dim / 2] */
};

/** Find every tensor in the loader's checkpoint. Errors name the tensor. */
int llama_load(struct loader *loader, struct llama *out, const struct llama_config *config);
void llama_release(struct llama *llama);

/** Keys and values of one sequence, for decoding. */
struct llama_cache {
    float *k, *v; /**< [layers][kv_heads, capacity, head_dim]: a head's rows are one stretch */
    size_t capacity, length;
};
int llama_cache_init(struct trainer *t, struct llama_cache *out, const struct llama_config *config, size_t capacity);
void llama_cache_release(struct llama_cache *cache);

/** Rows of the batch that belong to a sequence with a cache. */
struct llama_sequence {
    struct llama_cache *cache;
    size_t begin, count;
};

/** What the rows of h may see: either a forest, or the caches of sequences (all of one capacity), which grow by the
 *  rows. */
struct llama_view {
    const struct tree *tree;
    struct llama_sequence *sequences;
    size_t count;
};

/** out [tokens, hidden] = rows of the embedding; rows of negative ids are left alone. */
void llama_embed(const ops_context *ops, const struct llama *llama, float *out, const int32_t *ids, size_t tokens);

/** All layers over h [tokens, hidden], in place: the residual stream behind the last layer, before the last norm.
 *  @p positions [tokens]. OPA_ENOMEM. */
int llama_forward(struct trainer *t, const struct llama *llama, const struct adapter *adapter, float *h,
                  const int32_t *positions, size_t tokens, const struct llama_view *view, struct scratch *scratch);

/** out [count, hidden] = norm(h[rows[i], :]): what the head takes. */
void llama_select(const ops_context *ops, const struct llama *llama, float *out, const float *h, const size_t *rows,
                  size_t count);

/** x [count, hidden] = norm(x) in place. */
void llama_norm(const ops_context *ops, const struct llama *llama, float *x, size_t count);

/** Floats of scratch that llama_forward() takes. */
size_t llama_scratch(const struct llama_config *config, const struct adapter *adapter, size_t tokens);

#endif
