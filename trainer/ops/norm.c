/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/norm.h"

#include "ops/context.h"

void ops_rmsnorm_forward(const ops_context *ctx, float *out, float *rstd, const float *x, const float *weight,
                         size_t tokens, size_t width, float eps)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, tokens *width))
    for (size_t t = 0; t < tokens; t++) {
        const float r = ctx->simd->rmsnorm(out + t * width, x + t * width, weight, width, eps);
        if (rstd)
            rstd[t] = r;
    }
}

void ops_layernorm_forward(const ops_context *ctx, float *out, float *mean, float *rstd, const float *x,
                           const float *weight, const float *bias, size_t tokens, size_t width, float eps)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, tokens *width))
    for (size_t t = 0; t < tokens; t++) {
        float moments[2];
        ctx->simd->layernorm(out + t * width, moments, x + t * width, weight, bias, width, eps);
        if (mean)
            mean[t] = moments[0];
        if (rstd)
            rstd[t] = moments[1];
    }
}

void ops_rmsnorm_backward(const ops_context *ctx, float *dx, const float *dy, const float *x, const float *weight,
                          const float *rstd, size_t tokens, size_t width)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, tokens *width))
    for (size_t t = 0; t < tokens; t++)
        ctx->simd->rmsnorm_back(dx + t * width, dy + t * width, x + t * width, weight, rstd[t], width);
}

void ops_layernorm_backward(const ops_context *ctx, float *dx, const float *dy, const float *x, const float *weight,
                            const float *mean, const float *rstd, size_t tokens, size_t width)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, tokens *width))
    for (size_t t = 0; t < tokens; t++)
        ctx->simd->layernorm_back(dx + t * width, dy + t * width, x + t * width, weight, mean[t], rstd[t], width);
}
