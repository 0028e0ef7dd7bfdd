/* SPDX-License-Identifier: Apache-2.0 */
/** @file finder.h
 *  Finds many needles in one text. A few are searched directly; when a text of n bytes is asked for many, an index of
 * its positions is made once, so that a report of thousands of sentences is not quadratic.
 */
#ifndef OPA_ALIGN_FINDER_H
#define OPA_ALIGN_FINDER_H

#include "base/arena.h"

/** {hay, arena} initialises one. The index chains all positions whose first FINDER_GRAM bytes have the same hash,
 * ascending. */
typedef struct opa_finder {
    opa_text hay;
    opa_arena *arena; /**< owns the index */
    size_t work;      /**< bytes searched so far without an index */
    uint64_t visits;  /**< positions visited in chains: bounded, so that hostile texts end in "not found" */
    uint32_t *head, *next, *count;
    unsigned bits;
    bool failed; /**< out of memory: nothing was found */
} opa_finder;

/** First place of @p needle at or after @p from; SIZE_MAX when there is none (or the work has reached its limit). */
size_t opa_finder_next(opa_finder *f, opa_text needle, size_t from);

#endif
