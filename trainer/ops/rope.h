/* SPDX-License-Identifier: Apache-2.0 */
/** @file rope.h
 *  Rotary positions in Hugging Face's layout: element i of a head is turned together with element i + head_dim / 2.
 */
#ifndef OPATRAIN_OPS_ROPE_H
#define OPATRAIN_OPS_ROPE_H

#include "ops/ops.h"

/** cos and sin for the tokens of a batch, made once and used by every layer. */
typedef struct ops_rope {
    size_t tokens, half; /**< half = head_dim / 2 */
    float *cos, *sin;    /**< [tokens, half] */
} ops_rope;

/** angle = (float)position * inv_freq, one float32 product as in transformers (at position 700 its rounding is 3e-5, and
 *  is what the reference's log-probs have in them); cos and sin are multiplied by @p scaling (attention_scaling; 1 for
 *  LLaMA). @p inv_freq [half]. Returns 0 or OPA_ENOMEM. Release with ops_rope_release(). */
int ops_rope_init(ops_rope *out, const int32_t *positions, size_t tokens, const float *inv_freq, size_t half,
                  float scaling);
void ops_rope_release(ops_rope *rope);

/** The same in the caller's memory: @p table [2, tokens, half]. Nothing is to be released. */
void ops_rope_fill(ops_rope *out, float *table, const int32_t *positions, size_t tokens, const float *inv_freq,
                   size_t half, float scaling);

/** Turn x in place: x [tokens, heads, 2 * half], rows @p stride floats apart. */
void ops_rope_forward(const ops_context *ctx, float *x, size_t stride, size_t heads, const ops_rope *rope);

/** Turn a gradient back, in place: shapes as above. */
void ops_rope_backward(const ops_context *ctx, float *dx, size_t stride, size_t heads, const ops_rope *rope);

#endif
