/* SPDX-License-Identifier: Apache-2.0 */
/** @file chain.h
 *  Choosing places: of all places that sentences could have, the best ones in order and without overlap.
 */
#ifndef OPA_ALIGN_CHAIN_H
#define OPA_ALIGN_CHAIN_H

#include "base/arena.h"

/** A place that a sentence could have. */
typedef struct opa_candidate {
    size_t owner; /**< the sentence */
    opa_span span;
    size_t after;   /**< where the next visible byte behind it stands: a candidate that begins there tiles with it */
    int64_t weight; /**< what it is worth to have it, > 0 */
    unsigned tolerance; /**< opa_found.tolerance */
    bool chosen;        /**< set by opa_chain() */
} opa_candidate;

/** Choose at most one candidate of each owner so that the chosen ones follow each other without overlap and their
 * weights, with a bonus for each pair that tiles, are worth most; of equals the earliest owners and places. Candidates
 * are in order of owner. O(n log n). false: out of memory. */
bool opa_chain(opa_arena *scratch, opa_candidate *candidates, size_t count);

#endif
