/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/pairmap.h"

#include <stdlib.h>

static void place(opa_pairmap *map, opa_pair_entry entry)
{
    size_t i = opa_hash_pair(entry.a, entry.b) & map->mask;
    while (map->slots[i].a != UINT32_MAX && (map->slots[i].a != entry.a || map->slots[i].b != entry.b))
        i = (i + 1) & map->mask;
    map->count += map->slots[i].a == UINT32_MAX;
    map->slots[i] = entry;
}

bool opa_pairmap_reserve(opa_pairmap *map, size_t count)
{
    if (count > SIZE_MAX / 64)
        return false;
    size_t size = 16;
    while (size < count * 2)
        size *= 2;
    if (map->slots && size <= map->mask + 1)
        return true;
    opa_pairmap grown = {malloc(size * sizeof(*grown.slots)), size - 1, 0};
    if (!grown.slots)
        return false;
    memset(grown.slots, 0xFF, size * sizeof(*grown.slots));
    for (size_t i = 0; map->slots && i <= map->mask; i++)
        if (map->slots[i].a != UINT32_MAX)
            place(&grown, map->slots[i]);
    free(map->slots);
    *map = grown;
    return true;
}

bool opa_pairmap_put(opa_pairmap *map, uint32_t a, uint32_t b, uint32_t x, uint32_t y)
{
    if ((!map->slots || (map->count + 1) * 2 > map->mask + 1) && !opa_pairmap_reserve(map, (map->count + 1) * 2))
        return false;
    place(map, (opa_pair_entry){a, b, x, y});
    return true;
}

void opa_pairmap_release(opa_pairmap *map)
{
    free(map->slots);
    *map = (opa_pairmap){0};
}
