/* SPDX-License-Identifier: Apache-2.0 */
/** @file vocab.h
 *  Pieces and their ids, both ways.
 */
#ifndef OPA_TEXT_TOKENIZER_VOCAB_H
#define OPA_TEXT_TOKENIZER_VOCAB_H

#include "base/arena.h"

/** pieces[id] is the text (data NULL: no such id). slots is a hash table (linear probing, at most half full) of id + 1.
 *  {0} is empty. The texts live in the arena that was given when they were added. */
typedef struct opa_vocab {
    opa_text *pieces;
    size_t size, capacity; /**< ids: 0 .. size - 1 */
    uint32_t *slots;
    size_t mask, count; /**< count: pieces in the table */
    size_t longest;     /**< bytes of the longest piece */
} opa_vocab;

/** Ids at or over this are refused. */
#define OPA_VOCAB_MAX ((size_t)1 << 24)

/** Room for @p count pieces. false: out of memory. */
bool opa_vocab_reserve(opa_vocab *v, size_t count);
/** Add a piece under an id (< OPA_VOCAB_MAX) that has none yet; its text is copied to @p arena. A text that is there
 *  already leads to the new id from now on. false: out of memory. */
bool opa_vocab_add(opa_vocab *v, opa_arena *arena, opa_text piece, uint32_t id);
/** Is @p id taken? */
static inline bool opa_vocab_has(const opa_vocab *v, uint32_t id)
{
    return id < v->size && v->pieces[id].data;
}
/** The id, or -1. */
int32_t opa_vocab_find(const opa_vocab *v, opa_text piece);
void opa_vocab_release(opa_vocab *v);

#endif
