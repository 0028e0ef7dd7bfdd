/* SPDX-License-Identifier: Apache-2.0 */
/** @file place.h
 *  Where sentences stand in a text: all of them together, so that copies of one sentence get places of their own and a
 * short one does not take a place inside another.
 */
#ifndef OPA_ALIGN_PLACE_H
#define OPA_ALIGN_PLACE_H

#include "align/chain.h"
#include "align/fold.h"

/** Beside opa_fold_flags: found with a bounded number of edits. */
#define OPA_TOLERATE_NEAR 16u

/** The place of one sentence. */
typedef struct opa_found {
    bool found;
    bool overlap;       /**< another sentence has this place, or some of it */
    bool ambiguous;     /**< the same words stand elsewhere too */
    bool moved;         /**< not in the longest run of sentences that stand in the given order */
    unsigned tolerance; /**< 0: byte for byte; else opa_fold_flags or OPA_TOLERATE_NEAR */
    size_t edits;       /**< of OPA_TOLERATE_NEAR, bytes, at most */
    opa_span span;      /**< bytes of the text, ends trimmed */
} opa_found;

/** Place @p count sentences (ends trimmed; empty ones have no place) in @p hay (under 4 GiB). First each behind the one
 * before; where that does not go through, all exact and folded places are weighed against each other; then, with @p
 * near, what is left is looked for with at most max(3, 12 %) edits in uncovered text. Work on hostile input is bounded:
 * then sentences are not found. false: no memory. */
bool opa_place(opa_arena *scratch, opa_found *out, opa_text hay, const opa_text *sentences, size_t count, bool near);

#endif
