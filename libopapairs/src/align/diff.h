/* SPDX-License-Identifier: Apache-2.0 */
/** @file diff.h
 *  From two texts, block by block, to hunks.
 */
#ifndef OPA_ALIGN_DIFF_H
#define OPA_ALIGN_DIFF_H

#include <opapairs/align.h>

#include "base/arena.h"

/** A piece of both texts that is compared by itself. */
typedef struct opa_block {
    opa_span generated, revised; /**< bytes */
    int sentence;                /**< of the report, -1 for none */
    bool pair;                   /**< a sentence and its rewriting: when they share too little, one substitution */
    bool whole; /**< texts of many sentences that no report pairs: chance matches between them are taken away */
} opa_block;

/** Hunks as they grow; {generated, revised, scratch} initialises one. */
typedef struct opa_differ {
    opa_text generated, revised;
    opa_arena *scratch;
    opa_hunk *hunks; /**< from malloc() */
    size_t count, capacity;
    bool failed; /**< out of memory */
} opa_differ;

/** Add one hunk; an empty one is left out, one that goes on with the same is joined. */
void opa_differ_add(opa_differ *d, int sentence, opa_span generated, opa_span revised);
/** Add what is between the two sides of a block. Blocks follow each other without a hole on either side. */
void opa_diff_block(opa_differ *d, const opa_block *block);
/** Do hunks tile both texts, keep equal bytes only, and change something everywhere else? */
bool opa_hunks_prove(const opa_hunk *hunks, size_t count, opa_text generated, opa_text revised);

#endif
