/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/word_cache.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS ((size_t)1 << 17)
#define POOL_MAX ((size_t)6 << 20)

/* A word in the pool: this, then count ids (int32_t), count ends (uint8_t, in the word), the word's bytes; padded to 4.
 */
struct kept {
    uint8_t size, count;
    uint16_t unused;
};

/* A word's hash and where it is in the pool (+1, 0: free). */
struct slot {
    uint32_t hash, at;
};

/* When either the slots or the pool are full all of it is forgotten. */
struct opa_word_cache {
    struct slot *slots;
    size_t count;
    char *pool;
    size_t pool_size, pool_capacity;
};

opa_word_cache *opa_word_cache_new(void)
{
    opa_word_cache *c = calloc(1, sizeof *c);
    if (c && !(c->slots = calloc(SLOTS, sizeof *c->slots))) {
        free(c);
        return NULL;
    }
    return c;
}

void opa_word_cache_free(opa_word_cache *c)
{
    if (!c)
        return;
    free(c->slots);
    free(c->pool);
    free(c);
}

static opa_word_tokens tokens_of(const struct kept *w)
{
    const int32_t *ids = (const int32_t *)(const void *)(w + 1);
    return (opa_word_tokens){ids, (const uint8_t *)(ids + w->count), w->count};
}

bool opa_word_cache_find(const opa_word_cache *c, opa_word_tokens *out, opa_text word, uint32_t hash)
{
    if (word.size > OPA_WORD_CACHE_LONGEST)
        return false;
    for (size_t i = hash & (SLOTS - 1); c->slots[i].at; i = (i + 1) & (SLOTS - 1)) {
        if (c->slots[i].hash != hash)
            continue;
        const struct kept *w = (const struct kept *)(const void *)(c->pool + c->slots[i].at - 1);
        *out = tokens_of(w);
        if (w->size == word.size && memcmp(out->ends + out->count, word.data, word.size) == 0)
            return true;
    }
    return false;
}

static bool make_room(opa_word_cache *c, size_t need)
{
    if (c->count >= SLOTS / 2 || c->pool_size + need > POOL_MAX) {
        memset(c->slots, 0, SLOTS * sizeof *c->slots);
        c->count = c->pool_size = 0;
    }
    if (c->pool_size + need <= c->pool_capacity)
        return true;
    size_t capacity = c->pool_capacity ? c->pool_capacity * 2 : 64 << 10;
    if (capacity > POOL_MAX)
        capacity = POOL_MAX;
    char *pool = realloc(c->pool, capacity);
    if (!pool)
        return false;
    c->pool = pool;
    c->pool_capacity = capacity;
    return true;
}

void opa_word_cache_put(opa_word_cache *c, opa_text word, uint32_t hash, const opa_symbol *s, size_t count)
{
    const size_t need = (sizeof(struct kept) + count * 5 + word.size + 3) & ~(size_t)3;
    if (word.size > OPA_WORD_CACHE_LONGEST || count > OPA_WORD_CACHE_LONGEST || !make_room(c, need))
        return;
    char *at = c->pool + c->pool_size;
    *(struct kept *)(void *)at = (struct kept){(uint8_t)word.size, (uint8_t)count, 0};
    int32_t *ids = (int32_t *)(void *)(at + sizeof(struct kept));
    uint8_t *ends = (uint8_t *)(ids + count);
    for (size_t i = 0; i < count; i++) {
        ids[i] = (int32_t)s[i].id;
        ends[i] = (uint8_t)s[i].end;
    }
    memcpy(ends + count, word.data, word.size);
    size_t i = hash & (SLOTS - 1);
    while (c->slots[i].at)
        i = (i + 1) & (SLOTS - 1);
    c->slots[i] = (struct slot){hash, (uint32_t)c->pool_size + 1};
    c->pool_size += need;
    c->count++;
}
