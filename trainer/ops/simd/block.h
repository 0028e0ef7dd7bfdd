/* SPDX-License-Identifier: Apache-2.0 */
/** @file block.h
 *  Small dense blocks for attention, whose operands lie in the second cache already.
 */
#ifndef OPATRAIN_OPS_SIMD_BLOCK_H
#define OPATRAIN_OPS_SIMD_BLOCK_H

#include "ops/simd/simd.h"
#include "ops/simd/vector.h"

#define TILE_ROWS 6 /* times 2 vectors: 12 sums, 2 vectors of b and one of a in 16 registers */

/* c[rows, 2 * LANES] (+)= a[rows, k] * b[k, 2 * LANES] */
INLINE void tile(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, const int rows, size_t k,
                 bool add)
{
    vf acc[TILE_ROWS][2] = {{{0}}};
    for (size_t l = 0; l < k; l++) {
        const vf b0 = load(b + l * ldb), b1 = load(b + l * ldb + LANES);
        for (int r = 0; r < rows; r++) {
            const vf x = splat(a[(size_t)r * lda + l]);
            acc[r][0] += x * b0;
            acc[r][1] += x * b1;
        }
    }
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < 2; h++) {
            float *to = c + (size_t)r * ldc + h * LANES;
            store(to, add ? load(to) + acc[r][h] : acc[r][h]);
        }
}

static void outer(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
                  size_t k, bool add)
{
    for (size_t j = 0; j < n; j += 2 * LANES) {
        size_t i = 0;
        for (; i + TILE_ROWS <= m; i += TILE_ROWS)
            tile(c + i * ldc + j, ldc, a + i * lda, lda, b + j, ldb, TILE_ROWS, k, add);
        for (; i + 2 <= m; i += 2)
            tile(c + i * ldc + j, ldc, a + i * lda, lda, b + j, ldb, 2, k, add);
        if (i < m)
            tile(c + i * ldc + j, ldc, a + i * lda, lda, b + j, ldb, 1, k, add);
    }
}

/* Squares, so that the lines of both sides stay in the first cache. */
static void transpose(float *out, size_t ldo, const float *in, size_t ldi, size_t rows, size_t cols)
{
    enum { SIDE = 8 };
    for (size_t i = 0; i < rows; i += SIDE)
        for (size_t j = 0; j < cols; j += SIDE) {
            const size_t down = rows - i < SIDE ? rows - i : SIDE, across = cols - j < SIDE ? cols - j : SIDE;
            for (size_t x = 0; x < across; x++)
                for (size_t y = 0; y < down; y++)
                    out[(j + x) * ldo + i + y] = in[(i + y) * ldi + j + x];
        }
}

/* o[vectors * LANES] += p[count] * v[count, vectors * LANES] */
INLINE void accumulate_strip(float *o, const int vectors, const float *p, const float *v, size_t stride, size_t count)
{
    vf acc[8] = {{0}};
    for (size_t j = 0; j < count; j++)
        for (int i = 0; i < vectors; i++)
            acc[i] += p[j] * load(v + j * stride + (size_t)i * LANES);
    for (int i = 0; i < vectors; i++)
        store(o + (size_t)i * LANES, load(o + (size_t)i * LANES) + acc[i]);
}

static void accumulate(float *o, size_t n, const float *p, const float *v, size_t stride, size_t count)
{
    size_t i = 0;
    for (; i + 8 * (size_t)LANES <= n; i += 8 * (size_t)LANES)
        accumulate_strip(o + i, 8, p, v + i, stride, count);
    for (; i + LANES <= n; i += LANES)
        accumulate_strip(o + i, 1, p, v + i, stride, count);
    for (; i < n; i++)
        for (size_t j = 0; j < count; j++)
            o[i] += p[j] * v[j * stride + i];
}

#endif
