/* SPDX-License-Identifier: Apache-2.0 */
/** @file scratch.h
 *  One block of working memory for a forward pass: asked for once, cut into pieces, used again by the next pass.
 */
#ifndef OPATRAIN_SCRATCH_H
#define OPATRAIN_SCRATCH_H

#include "trainer.h"

struct scratch {
    float *data;
    size_t capacity, used; /* floats */
};

/** Floats that a piece of @p n takes: pieces begin at cache lines. */
static inline size_t scratch_round(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

/** Forget all pieces and make room for @p floats (the sum of scratch_round() of all pieces). OPA_ENOMEM. */
int scratch_begin(struct trainer *t, struct scratch *s, size_t floats);
/** The next piece; uninitialised. */
float *scratch_take(struct scratch *s, size_t n);
/** The same, and add what it takes to *floats; with NULL for @p s only that, so that one function lays pieces out and sums
 *  them up. */
float *scratch_piece(struct scratch *s, size_t *floats, size_t n);
void scratch_release(struct scratch *s);

#endif
