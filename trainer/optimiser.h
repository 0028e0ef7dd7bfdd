/* SPDX-License-Identifier: Apache-2.0 */
/** @file optimiser.h
 *  AdamW (arXiv 1711.05101) over float32 masters, in torch's order of operations, so that adapters agree with torch's update
 *  by update:
 *
 *      p -= rate * decay * p
 *      m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2
 *      p -= rate / (1 - beta1^n) * m / (sqrt(v) / sqrt(1 - beta2^n) + epsilon)
 *
 *  All parameters are one group: a LoRA run trains matrices only, no norms and biases that would be kept from decay.
 */
#ifndef OPATRAIN_OPTIMISER_H
#define OPATRAIN_OPTIMISER_H

#include "ops/adamw.h"
#include "trainer.h"

struct optimiser_options {
    double beta1, beta2, epsilon; /**< 0.9, 0.999, 1e-8: torch's */
    double weight_decay;          /**< 0: OPA-DPO's scripts */
    double clip;                  /**< largest norm of the whole gradient; 0: none */
    bool bf16_moments; /**< half the memory of m and v, rounded at random: to the nearest, v would never fall */
};

struct optimiser {
    const ops_context *ops;
    struct optimiser_options options;
    size_t count;
    int64_t updates; /**< made so far */
    void *m, *v;     /**< [count] of float32 or bf16 */
};

/** Moments of zero for @p count parameters; works on the trainer's threads. OPA_ENOMEM. Release with optimiser_release(). */
int optimiser_init(struct trainer *t, struct optimiser *out, const struct optimiser_options *options, size_t count);
void optimiser_release(struct optimiser *o);

/** Bytes of m, and of v. */
size_t optimiser_moment_bytes(const struct optimiser *o);

/** L2 norm of the gradient [count], summed in float64 in a fixed order. */
double optimiser_norm(const struct optimiser *o, const float *gradient);

/** One update of @p values [count] at @p rate. The gradient is scaled to the largest norm, when @p norm (from
 *  optimiser_norm()) is above it, by clip / (norm + 1e-6). */
void optimiser_step(struct optimiser *o, float *values, const float *gradient, double norm, double rate);

#endif
