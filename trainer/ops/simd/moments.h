/* SPDX-License-Identifier: Apache-2.0 */
/** @file moments.h
 *  An optimiser's inner loops.
 */
#ifndef OPATRAIN_OPS_SIMD_MOMENTS_H
#define OPATRAIN_OPS_SIMD_MOMENTS_H

#include "ops/simd/rows.h"

static void adamw(float *p, float *m, float *v, const float *gradient, size_t n, const ops_adamw *f)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf g = load_at(gradient + i, part) * f->clip, before = load_at(m + i, part);
        const vf first = before + f->beta1_rest * (g - before);
        const vf second = f->beta2 * load_at(v + i, part) + f->beta2_rest * g * g;
        store_at(m + i, first, part);
        store_at(v + i, second, part);
        store_at(p + i, load_at(p + i, part) * f->keep - f->step * first / (vsqrt(second) / f->root + f->epsilon),
                 part);
    }
}

/* Eight sums beside each other. */
static double square_sum(const float *x, size_t n)
{
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t l = 0; l < 8; l++)
            sums[l] += (double)x[i + l] * (double)x[i + l];
    for (; i < n; i++)
        sums[i % 8] += (double)x[i] * (double)x[i];
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

#endif
