/* SPDX-License-Identifier: Apache-2.0 */
/** @file myers.h
 *  The shortest edit script between two runs of numbers (E. W. Myers, An O(ND) difference algorithm and its variations,
 * 1986, section 4b: linear space).
 */
#ifndef OPA_ALIGN_MYERS_H
#define OPA_ALIGN_MYERS_H

#include "base/arena.h"

/** Two runs of small numbers (each below @c kinds) and what of them is in no common subsequence. */
typedef struct opa_sequences {
    const uint32_t *a, *b;
    size_t a_count, b_count; /**< below 2^30 */
    uint32_t kinds;
    uint8_t *a_changed, *b_changed; /**< set to 1 where a number is not matched; zeroed by the caller */
} opa_sequences;

/** Mark what is deleted from a and inserted into b: the least possible, while the two differ in less than a few
 * thousand places. Where they differ in more, they are first cut at numbers that are unique in both, else where most
 * was matched; what is left when the whole work reaches its limit is marked changed. O(N + D^2) with a bound of about a
 * second. false: no memory. */
bool opa_myers(opa_arena *scratch, const opa_sequences *s);

#endif
