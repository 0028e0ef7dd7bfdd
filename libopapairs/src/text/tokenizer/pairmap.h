/* SPDX-License-Identifier: Apache-2.0 */
/** @file pairmap.h
 *  A hash table from a pair of numbers to a pair of numbers: merges of a BPE, edges of a trie.
 */
#ifndef OPA_TEXT_TOKENIZER_PAIRMAP_H
#define OPA_TEXT_TOKENIZER_PAIRMAP_H

#include <stdbool.h>

#include "text/tokenizer/hash.h"

/** Key (a, b), value (x, y). */
typedef struct opa_pair_entry {
    uint32_t a, b, x, y;
} opa_pair_entry;

/** Open addressing, linear probing, at most half full. An entry with a == UINT32_MAX is free. {0} is an empty table. */
typedef struct opa_pairmap {
    opa_pair_entry *slots;
    size_t mask, count;
} opa_pairmap;

/** Room for @p count entries. false: out of memory. */
bool opa_pairmap_reserve(opa_pairmap *map, size_t count);
/** Put (a, b) -> (x, y) in place of what was there; a is not UINT32_MAX. false: out of memory. */
bool opa_pairmap_put(opa_pairmap *map, uint32_t a, uint32_t b, uint32_t x, uint32_t y);
void opa_pairmap_release(opa_pairmap *map);

/** NULL: not there. */
static inline const opa_pair_entry *opa_pairmap_find(const opa_pairmap *map, uint32_t a, uint32_t b)
{
    if (!map->slots)
        return NULL;
    for (size_t i = opa_hash_pair(a, b) & map->mask;; i = (i + 1) & map->mask) {
        const opa_pair_entry *e = &map->slots[i];
        if (e->a == UINT32_MAX)
            return NULL;
        if (e->a == a && e->b == b)
            return e;
    }
}

#endif
