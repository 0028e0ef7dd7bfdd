/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/rows.h"

#include <assert.h>
#include <string.h>

#include "ops/context.h"

/* A piece of a copy: some pages. */
#define PIECE ((size_t)1 << 14)

void ops_copy(const ops_context *ctx, float *to, const float *from, size_t n)
{
    const size_t pieces = ops_ceil_div(n, PIECE);
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, n))
    for (size_t i = 0; i < pieces; i++)
        memcpy(to + i * PIECE, from + i * PIECE, ops_min(PIECE, n - i * PIECE) * sizeof *to);
}

void ops_gather_rows(const ops_context *ctx, float *to, const float *from, const size_t *places, size_t count,
                     size_t width)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, count *width))
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * width, from + places[i] * width, width * sizeof *to);
}

void ops_add_rows(const ops_context *ctx, float *to, const float *from, const size_t *places, size_t count,
                  size_t width)
{
    const float one = 1;
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, count *width))
    for (size_t i = 0; i < count; i++)
        ctx->simd->accumulate(to + places[i] * width, width, &one, from + i * width, width, 1);
}

/* From the end: a place is never before the row that goes there. */
void ops_spread_rows(float *x, const size_t *places, size_t count, size_t rows, size_t width)
{
    for (size_t end = rows, i = count; end > 0; i--) {
        const size_t place = i > 0 ? places[i - 1] : 0, begin = i > 0 ? place + 1 : 0;
        memset(x + begin * width, 0, (end - begin) * width * sizeof *x);
        if (i == 0)
            return;
        assert(place >= i - 1 && place < end);
        if (place != i - 1)
            memcpy(x + place * width, x + (i - 1) * width, width * sizeof *x);
        end = place;
    }
}
