/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/vocab.h"

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer/hash.h"

/* The slot that holds @p piece, or the free one where it belongs. */
static uint32_t *slot_of(const opa_vocab *v, opa_text piece)
{
    for (size_t i = opa_hash_bytes(piece.data, piece.size) & v->mask;; i = (i + 1) & v->mask) {
        if (!v->slots[i])
            return &v->slots[i];
        const opa_text other = v->pieces[v->slots[i] - 1];
        if (other.size == piece.size && memcmp(other.data, piece.data, piece.size) == 0)
            return &v->slots[i];
    }
}

static bool grow_ids(opa_vocab *v, size_t need)
{
    if (need <= v->capacity)
        return true;
    const size_t capacity = need > v->capacity * 2 ? need : v->capacity * 2;
    opa_text *pieces = realloc(v->pieces, capacity * sizeof(*pieces));
    if (!pieces)
        return false;
    memset(pieces + v->capacity, 0, (capacity - v->capacity) * sizeof(*pieces));
    v->pieces = pieces;
    v->capacity = capacity;
    return true;
}

bool opa_vocab_reserve(opa_vocab *v, size_t count)
{
    if (count > OPA_VOCAB_MAX || !grow_ids(v, count))
        return false;
    size_t size = 16;
    while (size < count * 2)
        size *= 2;
    if (v->slots && size <= v->mask + 1)
        return true;
    opa_vocab grown = *v;
    grown.slots = calloc(size, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    grown.mask = size - 1;
    for (size_t i = 0; v->slots && i <= v->mask; i++)
        if (v->slots[i])
            *slot_of(&grown, v->pieces[v->slots[i] - 1]) = v->slots[i];
    free(v->slots);
    *v = grown;
    return true;
}

bool opa_vocab_add(opa_vocab *v, opa_arena *arena, opa_text piece, uint32_t id)
{
    if ((!v->slots || (v->count + 1) * 2 > v->mask + 1) && !opa_vocab_reserve(v, (v->count + 1) * 2))
        return false;
    if (!grow_ids(v, (size_t)id + 1))
        return false;
    uint32_t *slot = slot_of(v, piece);
    v->pieces[id] = opa_arena_text(arena, piece);
    if (!v->pieces[id].data)
        return false;
    v->count += *slot == 0;
    if (v->longest < piece.size)
        v->longest = piece.size;
    *slot = id + 1;
    if (v->size <= id)
        v->size = (size_t)id + 1;
    return true;
}

int32_t opa_vocab_find(const opa_vocab *v, opa_text piece)
{
    return v->slots && piece.data ? (int32_t)*slot_of(v, piece) - 1 : -1;
}

void opa_vocab_release(opa_vocab *v)
{
    free(v->pieces);
    free(v->slots);
    *v = (opa_vocab){0};
}
