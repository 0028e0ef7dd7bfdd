/* SPDX-License-Identifier: Apache-2.0 */
/** @file sampling.h
 *  From logits to the next token, in transformers' order: temperature, top-k, top-p, softmax, draw.
 */
#ifndef OPATRAIN_SAMPLING_H
#define OPATRAIN_SAMPLING_H

#include "trainer.h"

struct sampling {
    double temperature; /**< 0: greedy, the first of the largest logits */
    size_t top_k;       /**< keep the k largest, and all that equal the k-th; 0: all */
    double top_p;       /**< keep the smallest set whose mass reaches p; 1: all */
};

/** A candidate for the next token. */
struct candidate {
    int32_t id;
    double weight; /**< logit, then probability */
};

/** Candidates with their probabilities, likeliest first (equal ones: larger id first); *count of them. @p out has room for
 *  all @p size logits. The temperature is above 0. */
void sampling_distribution(struct candidate *out, size_t *count, const float *logits, size_t size,
                           const struct sampling *sampling);

/** SplitMix64. */
uint64_t random_next(uint64_t *state);

/** The next token; @p scratch has room for all logits, @p state is drawn from where the temperature is above 0. */
int32_t sampling_draw(const float *logits, size_t size, const struct sampling *sampling, struct candidate *scratch,
                      uint64_t *state);

#endif
