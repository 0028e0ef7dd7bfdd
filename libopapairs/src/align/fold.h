/* SPDX-License-Identifier: Apache-2.0 */
/** @file fold.h
 *  A text with its small differences taken away, and for each byte of it where that came from.
 */
#ifndef OPA_ALIGN_FOLD_H
#define OPA_ALIGN_FOLD_H

#include "base/arena.h"
#include "base/buffer.h"

/** What is taken away. */
enum opa_fold_flags {
    OPA_FOLD_SPACE = 1,      /**< a run of white space is one space */
    OPA_FOLD_QUOTES = 2,     /**< quotes, dashes and the ellipsis as ASCII */
    OPA_FOLD_NORMALIZED = 4, /**< Unicode NFC */
    OPA_FOLD_CASE = 8,       /**< Unicode case folding */
    OPA_FOLD_ALL = 15,
};

/** A folded text. A cluster of the original (a character with its marks, a run of white space) gives some folded bytes;
 * each of them knows where its cluster begins, and starts[] says which is the first. begin[size] is the original's
 * size. */
typedef struct opa_folded {
    opa_text text;
    const uint32_t *begin; /**< text.size + 1 places in the original */
} opa_folded;

/** Fold @p text (under 4 GiB) into memory of @p arena. false: out of memory. */
bool opa_fold(opa_arena *arena, opa_folded *out, opa_text text, unsigned flags);
/** Is @p at (0..text.size) the border of a cluster? Only between borders a folded place is one of the original. */
bool opa_folded_border(const opa_folded *f, size_t at);
/** The flags without which @p a and @p b fold to different texts; @p a and @p b are equal under OPA_FOLD_ALL. */
unsigned opa_fold_needed(opa_arena *arena, opa_text a, opa_text b);

#endif
