/* SPDX-License-Identifier: Apache-2.0 */
#include "check/hashes.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"

void opa_hashes_release(opa_hashes *map)
{
    free(map->slots);
    *map = (opa_hashes){0};
}

/* The slot of @p key, or the free one where it would go. */
static opa_hash_entry *slot(opa_hash_entry *slots, size_t capacity, opa_hash key)
{
    size_t i = (size_t)key.low & (capacity - 1);
    while (slots[i].count && !opa_hash_equal(slots[i].key, key))
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static bool grow(opa_hashes *map)
{
    const size_t capacity = map->capacity ? map->capacity * 2 : 64;
    if (capacity > SIZE_MAX / sizeof *map->slots)
        return false;
    opa_hash_entry *slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].count)
            *slot(slots, capacity, map->slots[i].key) = map->slots[i];
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return true;
}

opa_hash_entry *opa_hashes_add(opa_hashes *map, opa_hash key)
{
    if (map->count >= map->capacity / 3 * 2 && !grow(map))
        return NULL;
    opa_hash_entry *e = slot(map->slots, map->capacity, key);
    if (e->count == 0) {
        *e = (opa_hash_entry){.key = key};
        map->count++;
    }
    return e;
}

const opa_hash_entry *opa_hashes_find(const opa_hashes *map, opa_hash key)
{
    if (!map->capacity)
        return NULL;
    const opa_hash_entry *e = slot(map->slots, map->capacity, key);
    return e->count ? e : NULL;
}

opa_hash opa_hash_of_digest(const uint8_t digest[32])
{
    opa_hash h;
    memcpy(&h.high, digest, sizeof h.high);
    memcpy(&h.low, digest + 8, sizeof h.low);
    return h;
}

opa_hash opa_hash_of_text(opa_text text)
{
    uint8_t digest[32];
    opa_sha256_of(digest, text.data, text.size);
    return opa_hash_of_digest(digest);
}
