/* SPDX-License-Identifier: Apache-2.0 */
/** @file head.h
 *  The vocabulary projection with its log-softmax, in chunks: logits of 64 or so rows by some thousand words exist at a time.
 */
#ifndef OPATRAIN_OPS_HEAD_H
#define OPATRAIN_OPS_HEAD_H

#include "ops/ops.h"

/** logp[i] = log softmax(x[i,:] * w^T)[targets[i]]. x [rows, width] float32; w [vocabulary, width]; targets [rows], each in
 *  [0, vocabulary). @p lse [rows] receives log-sum-exp of the logits for the backward pass, or NULL. Logits are float32;
 *  their exponentials are summed in float32 within a chunk and in float64 across. */
void ops_head_logp_forward(const ops_context *ctx, float *logp, float *lse, ops_matrix x, ops_matrix w,
                           const int32_t *targets);

/** The same log-probs, and how they change: dx[i,:] = d logp[i] / d x[i,:] = w[targets[i],:] - sum_v softmax(x[i,:] w^T)[v]
 *  w[v,:]. A loss whose slope by logp[i] is g has the gradient g * dx[i,:], whatever g turns out to be, so logits are made
 *  once: weighted sums of w are kept beside the sum of exponentials and shrink with it. dx [rows, width] without gaps. */
void ops_head_logp_gradient(const ops_context *ctx, float *logp, float *dx, ops_matrix x, ops_matrix w,
                            const int32_t *targets);

/** x[i,:] -> x[i,:] - logsumexp(x[i,:]), in place, for logits that were made with ops_linear_forward(). x [rows, width]. */
void ops_log_softmax_forward(const ops_context *ctx, float *x, size_t rows, size_t width);

#endif
