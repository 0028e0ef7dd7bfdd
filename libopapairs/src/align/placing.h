/* SPDX-License-Identifier: Apache-2.0 */
/** @file placing.h
 *  What place.c (exact and folded places) and place_near.c (places with edits) share.
 */
#ifndef OPA_ALIGN_PLACING_H
#define OPA_ALIGN_PLACING_H

#include "align/finder.h"
#include "align/place.h"

/* All that is known while placing. */
typedef struct opa_placing {
    opa_arena *scratch;
    opa_found *out;
    opa_text hay;
    const opa_text *sentences;
    size_t count;
    opa_finder exact, folded; /* folded.hay is the folded text */
    opa_folded fold;
    opa_candidate *candidates;
    size_t candidate_count, candidate_capacity;
    size_t *first;    /* count + 1: the candidates of each sentence */
    uint8_t *claimed; /* a flag for each byte of the text */
    size_t near_work;
    bool failed;
} opa_placing;

/** Does the place begin and end at word borders? */
bool opa_placing_bordered(opa_text text, opa_span s);
/** Fold the text, if that was not done yet. */
bool opa_placing_fold(opa_placing *p);
/** Has no sentence claimed any of it? */
bool opa_placing_free(const opa_placing *p, opa_span s);
/** Give sentence @p i this place. */
void opa_placing_claim(opa_placing *p, size_t i, opa_span s, unsigned tolerance);
/** Look for sentence @p i with a bounded number of edits in text that no sentence has claimed: between its neighbours,
 * else anywhere. */
void opa_placing_near(opa_placing *p, size_t i);

#endif
