/* SPDX-License-Identifier: Apache-2.0 */
/** @file block.h
 *  Small dense blocks for attention, whose operands lie in the second cache already.
 */
#ifndef OPATRAIN_OPS_SIMD_BLOCK_H
#define OPATRAIN_OPS_SIMD_BLOCK_H

#include "ops/simd/simd.h"
#include "ops/simd/vector.h"

#define TILE_ROWS 6 /* times 2 vectors: 12 sums, 2 vectors of b and one of a in 16 registers */
#define PANEL (2 * LANES)

/* c[rows, PANEL] (+)= a[rows, k] * b[k, PANEL]; a's rows are @p down floats apart, its columns @p right. */
INLINE void tile(float *c, size_t ldc, const float *a, size_t down, size_t right, const float *b, const int rows,
                 size_t k, bool add)
{
    vf acc[TILE_ROWS][2];
    for (int r = 0; r < rows; r++)
        acc[r][0] = acc[r][1] = (vf){0};
    for (size_t l = 0; l < k; l++) {
        const vf b0 = load(b + l * PANEL), b1 = load(b + l * PANEL + LANES);
        for (int r = 0; r < rows; r++) {
            const vf x = splat(a[(size_t)r * down + l * right]);
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

/* A few rows of a stay in the first cache while b's panels pass by. */
INLINE void outer(float *c, size_t ldc, const float *a, size_t down, size_t right, const float *b, size_t m, size_t n,
                  size_t k, bool add)
{
    for (size_t i = 0; i < m;) {
        const size_t rows = m - i >= TILE_ROWS ? TILE_ROWS : m - i >= 2 ? 2 : 1;
        for (size_t j = 0; j < n; j += PANEL) {
            float *to = c + i * ldc + j;
            if (rows == TILE_ROWS)
                tile(to, ldc, a + i * down, down, right, b + j * k, TILE_ROWS, k, add);
            else if (rows == 2)
                tile(to, ldc, a + i * down, down, right, b + j * k, 2, k, add);
            else
                tile(to, ldc, a + i * down, down, right, b + j * k, 1, k, add);
        }
        i += rows;
    }
}

static void outer_rows(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t m, size_t n, size_t k)
{
    outer(c, ldc, a, lda, 1, b, m, n, k, false);
}

static void outer_columns(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t m, size_t n,
                          size_t k)
{
    outer(c, ldc, a, 1, lda, b, m, n, k, true);
}

/* n floats at @p from become row @p at of panels with k rows; the last one is filled up with zeros. */
static void to_panels(float *panels, const float *from, size_t n, size_t at, size_t k)
{
    float *to = panels + at * PANEL;
    size_t j = 0;
    for (; j + PANEL <= n; j += PANEL, to += PANEL * k) {
        store(to, load(from + j));
        store(to + LANES, load(from + j + LANES));
    }
    if (j < n) {
        memset(to, 0, PANEL * sizeof *to);
        memcpy(to, from + j, (n - j) * sizeof *to);
    }
}

/* Column i of panels with k rows. */
static void to_panel_column(float *panels, const float *from, size_t k, size_t i)
{
    float *to = panels + i / PANEL * PANEL * k + i % PANEL;
    for (size_t l = 0; l < k; l++)
        to[l * PANEL] = from[l];
}

/* ---- softmax of columns ---- */

static void column_max(float *most, const float *s, size_t lds, size_t rows, size_t n)
{
    for (size_t j = 0; j < n; j += LANES) {
        vf best = load(most + j);
        for (size_t i = 0; i < rows; i++)
            best = vmax(best, load(s + i * lds + j));
        store(most + j, best);
    }
}

static void column_exp(float *total, float *s, size_t lds, size_t rows, size_t n, const float *most)
{
    for (size_t j = 0; j < n; j += LANES) {
        const vf shift = load(most + j);
        vf all = load(total + j);
        for (size_t i = 0; i < rows; i++) {
            const vf e = vexp(load(s + i * lds + j) - shift);
            store(s + i * lds + j, e);
            all += e;
        }
        store(total + j, all);
    }
}

/* ---- few rows ---- */

/* o[vectors * LANES] += p[count] * v[count, vectors * LANES] */
INLINE void accumulate_strip(float *o, const int vectors, const float *p, const float *v, size_t stride, size_t count)
{
    vf acc[8];
    for (int i = 0; i < vectors; i++)
        acc[i] = (vf){0};
    for (size_t j = 0; j < count; j++)
        for (int i = 0; i < vectors; i++)
            acc[i] += p[j] * load(v + j * stride + (size_t)i * LANES);
    for (int i = 0; i < vectors; i++)
        store(o + (size_t)i * LANES, load(o + (size_t)i * LANES) + acc[i]);
}

/* Some rows of v at a time, so that all of a row's strips are used while it is in the first cache. */
static void accumulate(float *o, size_t n, const float *p, const float *v, size_t stride, size_t count)
{
    enum { ROWS = 32, STRIP = 8 * LANES };
    for (size_t j = 0; j < count; j += ROWS, p += ROWS, v += ROWS * stride) {
        const size_t rows = count - j < ROWS ? count - j : ROWS;
        size_t i = 0;
        for (; i + STRIP <= n; i += STRIP)
            accumulate_strip(o + i, 8, p, v + i, stride, rows);
        for (; i + LANES <= n; i += LANES)
            accumulate_strip(o + i, 1, p, v + i, stride, rows);
        for (; i < n; i++)
            for (size_t r = 0; r < rows; r++)
                o[i] += p[r] * v[r * stride + i];
    }
}

#endif
