/* SPDX-License-Identifier: Apache-2.0 */
/** @file norm.h
 *  Normalisation of rows. Sums are float32 in lanes, as PyTorch's are.
 */
#ifndef OPATRAIN_OPS_NORM_H
#define OPATRAIN_OPS_NORM_H

#include "ops/ops.h"

/** LLaMA's RMSNorm: out[t,:] = weight * (x[t,:] * r), r = 1 / sqrt(mean(x[t,:]^2) + eps). x, out [tokens, width], out may
 *  be x; weight [width]. @p rstd [tokens] receives r for the backward pass, or NULL. */
void ops_rmsnorm_forward(const ops_context *ctx, float *out, float *rstd, const float *x, const float *weight,
                         size_t tokens, size_t width, float eps);

/** LayerNorm: out[t,:] = (x[t,:] - mean) * r * weight + bias, r = 1 / sqrt(variance + eps), the variance over width, not
 *  width - 1. Shapes as above; @p mean and @p rstd [tokens] or NULL. */
void ops_layernorm_forward(const ops_context *ctx, float *out, float *mean, float *rstd, const float *x,
                           const float *weight, const float *bias, size_t tokens, size_t width, float eps);

/** dx[t,:] += the gradient that dy, out's, puts through RMSNorm; x is what went in, @p rstd what came out. The weight is
 *  fixed and gets none. dx overlaps neither dy nor x. */
void ops_rmsnorm_backward(const ops_context *ctx, float *dx, const float *dy, const float *x, const float *weight,
                          const float *rstd, size_t tokens, size_t width);

/** The same through LayerNorm. */
void ops_layernorm_backward(const ops_context *ctx, float *dx, const float *dy, const float *x, const float *weight,
                            const float *mean, const float *rstd, size_t tokens, size_t width);

#endif
