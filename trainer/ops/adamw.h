/* SPDX-License-Identifier: Apache-2.0 */
/** @file adamw.h
 *  An optimiser's passes over all parameters: bound by memory, so each is one pass. Elements are cut into pieces whatever the
 *  number of threads, so the bits do not depend on it.
 */
#ifndef OPATRAIN_OPS_ADAMW_H
#define OPATRAIN_OPS_ADAMW_H

#include "ops/ops.h"

/** Factors of one update, rounded to float32 where torch's kernel does. */
typedef struct ops_adamw {
    float keep;       /**< 1 - rate * decay */
    float clip;       /**< of the gradient */
    float beta1_rest; /**< 1 - beta1 */
    float beta2, beta2_rest;
    float step; /**< rate / (1 - beta1^n) */
    float root; /**< sqrt(1 - beta2^n) */
    float epsilon;
} ops_adamw;

/** p, m, v [n]: g = clip gradient; m += beta1_rest (g - m); v = beta2 v + beta2_rest g^2; p = keep p - step m / (sqrt(v) / root +
 *  epsilon). */
void ops_adamw_step(const ops_context *ctx, float *p, float *m, float *v, const float *gradient, size_t n,
                    const ops_adamw *factors);

/** The same with moments in bf16, which are rounded up or down at random, so that sums of many small changes keep their mean:
 *  beta2 = 0.999 moves v by less than half a step of 8 bits. @p seed and the place decide, not a state: the same update again
 *  draws the same. */
void ops_adamw_step_bf16(const ops_context *ctx, float *p, uint16_t *m, uint16_t *v, const float *gradient, size_t n,
                         const ops_adamw *factors, uint64_t seed);

/** The sum of squares, in float64. */
double ops_square_sum(const ops_context *ctx, const float *x, size_t n);

#endif
