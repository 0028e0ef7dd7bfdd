/* SPDX-License-Identifier: Apache-2.0 */
/** @file bpe.h
 *  Byte pair encoding: of all neighbours that may merge, the pair of the lowest rank is merged first, on ties the
 * leftmost; until none may. (Sennrich et al. 2016; ties as in huggingface/tokenizers word.rs and sentencepiece
 * bpe_model.cc.)
 */
#ifndef OPA_TEXT_TOKENIZER_BPE_H
#define OPA_TEXT_TOKENIZER_BPE_H

#include "text/tokenizer/pairmap.h"

/** A symbol of a word: its id (OPA_BPE_UNKNOWN merges with nothing) and where it ends in the word, in bytes. */
typedef struct opa_symbol {
    uint32_t id, end;
} opa_symbol;
#define OPA_BPE_UNKNOWN UINT32_MAX

/** merges: (left id, right id) -> (rank, merged id).
 *  joins: a filter over pairs of characters. Where the bit of (a, b) is clear, no merge has ever a at its left part's
 * end and b at its right part's begin, so a text may be cut between a and b without changing its tokens. NULL: no
 * filter. */
typedef struct opa_bpe {
    opa_pairmap merges;
    uint64_t *joins;
} opa_bpe;

#define OPA_BPE_JOIN_BITS 20

static inline bool opa_bpe_may_join(const opa_bpe *bpe, uint32_t a, uint32_t b)
{
    const uint64_t h = ((uint64_t)a * UINT64_C(0x9E3779B97F4A7C15) + b) * UINT64_C(0xD6E8FEB86659FD93);
    const size_t bit = (size_t)(h >> (64 - OPA_BPE_JOIN_BITS));
    return bpe->joins[bit / 64] >> (bit % 64) & 1;
}
/** Note in the filter that a merge joins @p a and @p b. Makes the filter when there is none; false: out of memory. */
bool opa_bpe_join(opa_bpe *bpe, uint32_t a, uint32_t b);
void opa_bpe_release(opa_bpe *bpe);

/** Scratch memory for long words; {0} is empty. */
typedef struct opa_bpe_scratch {
    struct opa_bpe_node *nodes;
    size_t node_capacity;
    struct opa_bpe_candidate *heap;
    size_t heap_size, heap_capacity;
} opa_bpe_scratch;
void opa_bpe_scratch_release(opa_bpe_scratch *s);

/** Merge the symbols of one word in place; *count becomes smaller. O(n log n). false: out of memory. */
bool opa_bpe_merge(const opa_bpe *bpe, opa_bpe_scratch *s, opa_symbol *symbols, size_t *count);

#endif
