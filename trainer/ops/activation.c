/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/activation.h"

#include "ops/context.h"

void ops_activation_forward(const ops_context *ctx, float *x, const float *bias, size_t rows, size_t width,
                            ops_activation f)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, rows *width))
    for (size_t i = 0; i < rows; i++)
        ctx->simd->activation(x + i * width, bias, width, f);
}

void ops_silu_mul_forward(const ops_context *ctx, float *out, const float *gate, const float *up, size_t stride,
                          size_t rows, size_t width)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, rows *width))
    for (size_t i = 0; i < rows; i++)
        ctx->simd->silu_mul(out + i * width, gate + i * stride, up + i * stride, width);
}

void ops_activation_backward(const ops_context *ctx, float *dx, const float *x, size_t rows, size_t width,
                             ops_activation f)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, rows *width))
    for (size_t i = 0; i < rows; i++)
        ctx->simd->activation_back(dx + i * width, x + i * width, width, f);
}

void ops_silu_mul_backward(const ops_context *ctx, float *gate, float *up, float *out, size_t rows, size_t width)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, rows *width))
    for (size_t i = 0; i < rows; i++)
        ctx->simd->silu_mul_back(gate + i * width, up + i * width, out + i * width, width);
}
