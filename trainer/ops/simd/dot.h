/* SPDX-License-Identifier: Apache-2.0 */
/** @file dot.h
 *  Products of few rows with a large matrix, and expansion of bf16 and f16. A weight is used by as many rows as there are, so
 *  the loops keep DOT_ROWS rows of the matrix and up to DOT_COLS rows of x in registers: 12 sums, 3 vectors of x and a weight
 *  fill the 16 registers of AVX2. A group of rows of weights stays in the first caches while the rows of x pass by.
 */
#ifndef OPATRAIN_OPS_SIMD_DOT_H
#define OPATRAIN_OPS_SIMD_DOT_H

#include "ops/simd/vector.h"

#include "ops/simd/simd.h"

#define DOT_ROWS 4
#define DOT_COLS 3

/* ---- LANES weights of a type as float32 ---- */

INLINE vu widen(vh h)
{
#if defined __AVX512F__
    return (vu)_mm512_cvtepu16_epi32((__m256i)h);
#elif defined __AVX2__
    return (vu)_mm256_cvtepu16_epi32((__m128i)h); /* GCC 12 makes two halves of __builtin_convertvector */
#else
    return __builtin_convertvector(h, vu);
#endif
}

INLINE vf widen_bf16(vh h)
{
    return (vf)(widen(h) << 16);
}

INLINE vf widen_f16(vh h)
{
#if defined __AVX512F__
    return (vf)_mm512_cvtph_ps((__m256i)h);
#elif defined __F16C__
    return (vf)_mm256_cvtph_ps((__m128i)h);
#else
    /* The exponent's bias differs by 112; a product with 2^112 moves it, subnormals too. */
    const vu u = widen(h), magnitude = (u & 0x7fff) << 13;
    const vi special = (u & 0x7c00) == 0x7c00; /* infinite or no number */
    const vu bits = (vu)((vf)magnitude * 0x1p112f) | ((vu)special & 0x7f800000);
    return (vf)(bits | (u & 0x8000) << 16);
#endif
}

/* @p n weights, at most LANES; the rest is 0. @p dtype is a constant wherever this is used. */
INLINE vf load_as(ops_dtype dtype, const void *p, size_t n)
{
    vh h = {0};
    if (dtype == OPS_F32)
        return n == LANES ? load(p) : load_part(p, n);
    memcpy(&h, p, n * sizeof(uint16_t));
    return dtype == OPS_BF16 ? widen_bf16(h) : widen_f16(h);
}

INLINE const void *element(ops_dtype dtype, const void *base, size_t i)
{
    return (const char *)base + i * (dtype == OPS_F32 ? sizeof(float) : sizeof(uint16_t));
}

/* ---- a group: rows of w times cols of x ---- */

/* Where the sums of a group go. */
typedef struct target {
    float *y;
    size_t ldy;
    float alpha, beta;
} target;

INLINE void group(target to, ops_dtype dtype, const int rows, const int cols, const float *x, size_t ldx, const void *w,
                  size_t stride, size_t k)
{
    vf acc[DOT_ROWS][DOT_COLS] = {{{0}}};
    size_t l = 0;
    for (; l + LANES <= k; l += LANES) {
        vf in[DOT_COLS];
        for (int c = 0; c < cols; c++)
            in[c] = load(x + (size_t)c * ldx + l);
        for (int r = 0; r < rows; r++) {
            const vf weight = load_as(dtype, element(dtype, w, (size_t)r * stride + l), LANES);
            for (int c = 0; c < cols; c++)
                acc[r][c] += weight * in[c];
        }
    }
    for (int r = 0; l < k && r < rows; r++) {
        const vf weight = load_as(dtype, element(dtype, w, (size_t)r * stride + l), k - l);
        for (int c = 0; c < cols; c++)
            acc[r][c] += weight * load_part(x + (size_t)c * ldx + l, k - l);
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            float *y = to.y + (size_t)c * to.ldy + r;
            const float value = to.alpha * sum(acc[r][c]);
            *y = to.beta == 0 ? value : value + to.beta * *y;
        }
}

/* All rows of x against @p rows rows of w. */
INLINE void strip(target to, ops_dtype dtype, const int rows, const float *x, size_t ldx, size_t m, const void *w,
                  size_t stride, size_t k)
{
    for (size_t i = 0; i < m; i += DOT_COLS) {
        const target at = {to.y + i * to.ldy, to.ldy, to.alpha, to.beta};
        if (m - i >= 3)
            group(at, dtype, rows, 3, x + i * ldx, ldx, w, stride, k);
        else if (m - i == 2)
            group(at, dtype, rows, 2, x + i * ldx, ldx, w, stride, k);
        else
            group(at, dtype, rows, 1, x + i * ldx, ldx, w, stride, k);
    }
}

INLINE void narrow(ops_dtype dtype, target to, const float *x, size_t ldx, size_t m, const void *w, size_t stride,
                   size_t n, size_t k)
{
    size_t j = 0;
    for (; j + DOT_ROWS <= n; j += DOT_ROWS, to.y += DOT_ROWS)
        strip(to, dtype, DOT_ROWS, x, ldx, m, element(dtype, w, j * stride), stride, k);
    for (; j < n; j++, to.y++)
        strip(to, dtype, 1, x, ldx, m, element(dtype, w, j * stride), stride, k);
}

INLINE void expand(ops_dtype dtype, float *out, const void *from, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(out + i, load_as(dtype, element(dtype, from, i), LANES));
    if (i < n)
        store_part(out + i, load_as(dtype, element(dtype, from, i), n - i), n - i);
}

/* ---- by type ---- */

#define DEFINE(suffix, dtype)                                                                                          \
    static void narrow_##suffix(float *y, size_t ldy, const float *x, size_t ldx, size_t m, const void *w,             \
                                size_t stride, size_t n, size_t k, float alpha, float beta)                            \
    {                                                                                                                  \
        narrow(dtype, (target){y, ldy, alpha, beta}, x, ldx, m, w, stride, n, k);                                      \
    }                                                                                                                  \
    static void expand_##suffix(float *out, const void *from, size_t n)                                                \
    {                                                                                                                  \
        expand(dtype, out, from, n);                                                                                   \
    }

DEFINE(f32, OPS_F32)
DEFINE(bf16, OPS_BF16)
DEFINE(f16, OPS_F16)

#endif
