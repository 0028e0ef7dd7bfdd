/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/rope.h"

#include <math.h>
#include <stdlib.h>

#include <opapairs/base.h>

#include "ops/context.h"

void ops_rope_fill(ops_rope *out, float *table, const int32_t *positions, size_t tokens, const float *inv_freq,
                   size_t half, float scaling)
{
    *out = (ops_rope){.tokens = tokens, .half = half, .cos = table, .sin = table + tokens * half};
    for (size_t t = 0; t < tokens; t++)
        for (size_t i = 0; i < half; i++) {
            const float angle = (float)positions[t] * inv_freq[i];
            out->cos[t * half + i] = cosf(angle) * scaling;
            out->sin[t * half + i] = sinf(angle) * scaling;
        }
}

int ops_rope_init(ops_rope *out, const int32_t *positions, size_t tokens, const float *inv_freq, size_t half,
                  float scaling)
{
    float *table = malloc((tokens * half * 2 + 1) * sizeof *table);
    *out = (ops_rope){0};
    if (!table)
        return OPA_ENOMEM;
    ops_rope_fill(out, table, positions, tokens, inv_freq, half, scaling);
    return OPA_OK;
}

void ops_rope_release(ops_rope *rope)
{
    free(rope->cos);
    *rope = (ops_rope){0};
}

void ops_rope_forward(const ops_context *ctx, float *x, size_t stride, size_t heads, const ops_rope *rope)
{
    const size_t half = rope->half;
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, rope->tokens *heads *half))
    for (size_t t = 0; t < rope->tokens; t++)
        for (size_t h = 0; h < heads; h++)
            ctx->simd->rope(x + t * stride + h * 2 * half, rope->cos + t * half, rope->sin + t * half, half);
}

void ops_rope_backward(const ops_context *ctx, float *dx, size_t stride, size_t heads, const ops_rope *rope)
{
    const size_t half = rope->half;
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, rope->tokens *heads *half))
    for (size_t t = 0; t < rope->tokens; t++)
        for (size_t h = 0; h < heads; h++)
            ctx->simd->rope_back(dx + t * stride + h * 2 * half, rope->cos + t * half, rope->sin + t * half, half);
}
