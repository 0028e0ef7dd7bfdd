/* SPDX-License-Identifier: Apache-2.0 */
/** @file near.h
 *  Where a text stands in another with a few edits (Myers 1999, bit-parallel, in blocks of 64 as by Hyyro 2003).
 */
#ifndef OPA_ALIGN_NEAR_H
#define OPA_ALIGN_NEAR_H

#include "base/arena.h"

/** The best place of @p pattern in @p text with at most @p limit inserted, deleted or substituted bytes: the fewest
 * edits, of equals the first (and what directly follows at no further cost), of these the longest. Takes text.size *
 * (pattern.size / 64 + 1) steps. false: there is none, or no memory. */
bool opa_near_find(opa_arena *scratch, opa_span *out, size_t *edits, opa_text text, opa_text pattern, size_t limit);

#endif
