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
#define STEPS ((size_t)4) /* vectors of a row between two looks at the loop's end */

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

/* ---- a group: rows of w, DOT_ROWS or one, times cols of x ---- */

/* Where the sums of a group go. */
typedef struct target {
    float *y;
    size_t ldy, apart; /* from one row of w to the next of a group */
    float alpha, beta;
} target;

/* One vector of each of the rows of w and x, at @p l. */
INLINE void step(vf acc[DOT_ROWS][DOT_COLS], ops_dtype dtype, const int rows, const int cols, const float *x,
                 size_t ldx, const void *w, size_t stride, size_t l)
{
    vf in[DOT_COLS];
    for (int c = 0; c < cols; c++)
        in[c] = load(x + (size_t)c * ldx + l);
    for (int r = 0; r < rows; r++) {
        const vf weight = load_as(dtype, element(dtype, w, (size_t)r * stride + l), LANES);
        for (int c = 0; c < cols; c++)
            acc[r][c] += weight * in[c];
    }
}

INLINE void group(target to, ops_dtype dtype, const int rows, const int cols, const float *x, size_t ldx, const void *w,
                  size_t stride, size_t k)
{
    vf acc[DOT_ROWS][DOT_COLS];
    size_t l = 0;
    for (int r = 0; r < rows; r++) /* {0} would be a call to fill memory, as long as a short row of w */
        for (int c = 0; c < cols; c++)
            acc[r][c] = (vf){0};
    for (; l + STEPS * LANES <= k; l += STEPS * LANES) {
        for (size_t s = 0; s < STEPS; s++)
            step(acc, dtype, rows, cols, x, ldx, w, stride, l + s * LANES);
    }
    for (; l + LANES <= k; l += LANES)
        step(acc, dtype, rows, cols, x, ldx, w, stride, l);
    for (int r = 0; l < k && r < rows; r++) {
        const vf weight = load_as(dtype, element(dtype, w, (size_t)r * stride + l), k - l);
        for (int c = 0; c < cols; c++)
            acc[r][c] += weight * load_part(x + (size_t)c * ldx + l, k - l);
    }
    for (int c = 0; c < cols; c++) {
        float sums[DOT_ROWS], *y = to.y + (size_t)c * to.ldy;
        if (rows == DOT_ROWS)
            sum4(sums, acc[0][c], acc[1][c], acc[2][c], acc[3][c]);
        else
            sums[0] = sum(acc[0][c]);
        for (int r = 0; r < rows; r++, y += to.apart)
            *y = to.beta == 0 ? to.alpha * sums[r] : to.alpha * sums[r] + to.beta * *y;
    }
}

/* All rows of x against @p rows rows of w. */
INLINE void strip(target to, ops_dtype dtype, const int rows, const float *x, size_t ldx, size_t m, const void *w,
                  size_t stride, size_t k)
{
    for (size_t i = 0; i < m;) {
        target at = to;
        at.y += i * to.ldy;
        const float *from = x + i * ldx;
        const size_t left = m - i, cols = left == 4  ? 2
                                          : left < 3 ? left
                                                     : 3; /* of four two and two, not three and one */
        if (cols == 3)
            group(at, dtype, rows, 3, from, ldx, w, stride, k);
        else if (cols == 2)
            group(at, dtype, rows, 2, from, ldx, w, stride, k);
        else
            group(at, dtype, rows, 1, from, ldx, w, stride, k);
        i += cols;
    }
}

/* The rows of a group lie a quarter of the matrix apart: a thread reads four streams without an end, which the processor fetches
 * ahead by itself. Neighbouring rows would be four streams that begin anew after a few pages. */
INLINE void narrow(ops_dtype dtype, target to, const float *x, size_t ldx, size_t m, const void *w, size_t stride,
                   size_t n, size_t k)
{
    const size_t quarter = n / DOT_ROWS;
    to.apart = quarter;
    for (size_t j = 0; j < quarter; j++, to.y++)
        strip(to, dtype, DOT_ROWS, x, ldx, m, element(dtype, w, j * stride), quarter * stride, k);
    to.y += (DOT_ROWS - 1) * quarter;
    for (size_t j = DOT_ROWS * quarter; j < n; j++, to.y++)
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

/* What is no number stays none. */
static void to_bf16(uint16_t *out, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, from + i, sizeof u);
        const uint32_t rounded = (u + 0x7FFF + (u >> 16 & 1)) >> 16;
        out[i] = (uint16_t)((u & 0x7FFFFFFF) > 0x7F800000 ? u >> 16 | 0x40 : rounded);
    }
}

/* ---- by type ---- */

#define DEFINE(suffix, dtype)                                                                                          \
    static void narrow_##suffix(float *y, size_t ldy, const float *x, size_t ldx, size_t m, const void *w,             \
                                size_t stride, size_t n, size_t k, float alpha, float beta)                            \
    {                                                                                                                  \
        narrow(dtype, (target){y, ldy, 0, alpha, beta}, x, ldx, m, w, stride, n, k);                                   \
    }                                                                                                                  \
    static void expand_##suffix(float *out, const void *from, size_t n)                                                \
    {                                                                                                                  \
        expand(dtype, out, from, n);                                                                                   \
    }

DEFINE(f32, OPS_F32)
DEFINE(bf16, OPS_BF16)
DEFINE(f16, OPS_F16)

#endif
