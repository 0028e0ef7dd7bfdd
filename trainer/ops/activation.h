/* SPDX-License-Identifier: Apache-2.0 */
/** @file activation.h
 *  Elementwise functions. exp, erf and tanh are our own vector code: within 2 ulp of the true exp, 3e-7 of the true erf
 *  and tanh.
 */
#ifndef OPATRAIN_OPS_ACTIVATION_H
#define OPATRAIN_OPS_ACTIVATION_H

#include "ops/ops.h"

typedef enum ops_activation {
    OPS_IDENTITY = 0,
    OPS_GELU,       /**< x * (1 + erf(x / sqrt 2)) / 2: "gelu" */
    OPS_GELU_TANH,  /**< x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2: "gelu_pytorch_tanh", "gelu_new" */
    OPS_QUICK_GELU, /**< x / (1 + exp(-1.702 x)): CLIP */
    OPS_SILU,       /**< x / (1 + exp(-x)) */
    OPS_RELU,
} ops_activation;

/** x[i,:] = f(x[i,:] + bias), x [rows, width] in place without gaps; @p bias [width] or NULL. */
void ops_activation_forward(const ops_context *ctx, float *x, const float *bias, size_t rows, size_t width,
                            ops_activation f);

/** LLaMA's gate: out = silu(gate) * up, all [rows, width]; rows of gate and up @p stride floats apart (they may lie side by
 *  side in one buffer), rows of out without gaps. out may be gate where stride = width. */
void ops_silu_mul_forward(const ops_context *ctx, float *out, const float *gate, const float *up, size_t stride,
                          size_t rows, size_t width);

/** dx[i,:] *= f'(x[i,:]), x what went in with its bias. dx and x [rows, width] without gaps. */
void ops_activation_backward(const ops_context *ctx, float *dx, const float *x, size_t rows, size_t width,
                             ops_activation f);

/** LLaMA's gate backwards, in one pass and in place: gate and up become their own gradients, and out, which holds its
 *  gradient, becomes silu(gate) * up again, which the layer behind needs for the gradient of its weights. All [rows, width]
 *  without gaps. */
void ops_silu_mul_backward(const ops_context *ctx, float *gate, float *up, float *out, size_t rows, size_t width);

#endif
