/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/adamw.h"

#include <string.h>

#include "ops/context.h"

/* A piece of work: its four arrays fit the second cache. */
#define PIECE ((size_t)1 << 14)
/* Pieces of a sum. */
#define SUMS 256

void ops_adamw_step(const ops_context *ctx, float *p, float *m, float *v, const float *gradient, size_t n,
                    const ops_adamw *f)
{
    const size_t pieces = ops_ceil_div(n, PIECE);
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, n))
    for (size_t i = 0; i < pieces; i++) {
        const size_t at = i * PIECE;
        ctx->simd->adamw(p + at, m + at, v + at, gradient + at, ops_min(PIECE, n - at), f);
    }
}

/* ---- moments in 16 bits ---- */

/* SplitMix64's finaliser */
static uint64_t scatter(uint64_t z)
{
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint16_t narrow(float x, uint32_t dice)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + (dice & 0xFFFF)) >> 16);
}

/* Element by element what is drawn, stretch by stretch what is reckoned. */
static void step_piece(const ops_context *ctx, float *p, uint16_t *m, uint16_t *v, const float *gradient, size_t at,
                       size_t n, const ops_adamw *f, uint64_t seed)
{
    enum { STRETCH = 256 };
    float first[STRETCH], second[STRETCH];
    for (size_t i = 0; i < n; i += STRETCH) {
        const size_t k = ops_min(STRETCH, n - i);
        ctx->simd->expand[OPS_BF16](first, m + i, k);
        ctx->simd->expand[OPS_BF16](second, v + i, k);
        ctx->simd->adamw(p + i, first, second, gradient + i, k, f);
        for (size_t l = 0; l < k; l++) {
            const uint64_t dice = scatter(seed * 0x9E3779B97F4A7C15u + at + i + l);
            m[i + l] = narrow(first[l], (uint32_t)dice);
            v[i + l] = narrow(second[l], (uint32_t)(dice >> 32));
        }
    }
}

void ops_adamw_step_bf16(const ops_context *ctx, float *p, uint16_t *m, uint16_t *v, const float *gradient, size_t n,
                         const ops_adamw *f, uint64_t seed)
{
    const size_t pieces = ops_ceil_div(n, PIECE);
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, n))
    for (size_t i = 0; i < pieces; i++) {
        const size_t at = i * PIECE;
        step_piece(ctx, p + at, m + at, v + at, gradient + at, at, ops_min(PIECE, n - at), f, seed);
    }
}

/* ---- the norm ---- */

double ops_square_sum(const ops_context *ctx, const float *x, size_t n)
{
    double sums[SUMS], sum = 0;
    const size_t share = ops_ceil_div(n, SUMS);
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, n))
    for (size_t i = 0; i < SUMS; i++) {
        const size_t at = ops_min(i * share, n);
        sums[i] = ctx->simd->square_sum(x + at, ops_min(share, n - at));
    }
    for (size_t i = 0; i < SUMS; i++)
        sum += sums[i];
    return sum;
}
