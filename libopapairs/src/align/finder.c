/* SPDX-License-Identifier: Apache-2.0 */
#include "align/finder.h"

#include <string.h>

#include "base/utf8.h"

enum { GRAM = 8, PROBES = 8 };
/* Direct searches until this many times the text's length were read; then an index pays. */
#define DIRECT_PASSES 64
/* Needles too short for the index are searched directly for ever: at most this many bytes in all. */
#define DIRECT_LIMIT ((size_t)1 << 30)
#define VISIT_LIMIT ((uint64_t)1 << 26)
#define NO_POSITION UINT32_MAX

static uint32_t hash_at(const opa_finder *f, const char *p)
{
    uint64_t x;
    memcpy(&x, p, GRAM);
    return (uint32_t)((x * 0x9E3779B97F4A7C15u) >> (64 - f->bits));
}

static bool build(opa_finder *f)
{
    const size_t n = f->hay.size - GRAM + 1;
    f->bits = 8;
    while (f->bits < 24 && ((size_t)1 << f->bits) < n)
        f->bits++;
    const size_t buckets = (size_t)1 << f->bits;
    f->head = opa_arena_array(f->arena, buckets, sizeof *f->head);
    f->count = opa_arena_array(f->arena, buckets, sizeof *f->count);
    f->next = opa_arena_array(f->arena, n, sizeof *f->next);
    if (!f->head || !f->count || !f->next) {
        f->failed = true;
        return false;
    }
    memset(f->head, 0xFF, buckets * sizeof *f->head);
    for (size_t i = n; i-- > 0;) {
        const uint32_t h = hash_at(f, f->hay.data + i);
        f->next[i] = f->head[h];
        f->head[h] = (uint32_t)i;
        f->count[h]++;
    }
    return true;
}

/* Walks the chain of the needle's rarest gram among a few. */
static size_t indexed(opa_finder *f, opa_text needle, size_t from)
{
    size_t probe = 0;
    uint32_t best = 0, least = UINT32_MAX;
    for (size_t k = 0; k < PROBES; k++) {
        const size_t at = (needle.size - GRAM) * k / (PROBES - 1);
        const uint32_t h = hash_at(f, needle.data + at);
        if (f->count[h] < least) {
            least = f->count[h];
            best = h;
            probe = at;
        }
    }
    uint32_t i = f->head[best];
    /* Going on behind a place that was found: its chain element is known. */
    if (from > 0 && from - 1 + probe + GRAM <= f->hay.size && hash_at(f, f->hay.data + from - 1 + probe) == best)
        i = f->next[from - 1 + probe];
    for (; i != NO_POSITION; i = f->next[i]) {
        if (++f->visits > VISIT_LIMIT)
            break;
        if (i < from + probe || i - probe + needle.size > f->hay.size)
            continue;
        if (memcmp(f->hay.data + (i - probe), needle.data, needle.size) == 0) {
            f->visits += needle.size / 32;
            return i - probe;
        }
    }
    return SIZE_MAX;
}

size_t opa_finder_next(opa_finder *f, opa_text needle, size_t from)
{
    if (f->failed || from > f->hay.size || needle.size == 0 || needle.size > f->hay.size - from)
        return SIZE_MAX;
    const bool can_index = needle.size >= GRAM && f->hay.size < NO_POSITION;
    if (!f->head && can_index && f->work / DIRECT_PASSES > f->hay.size && !build(f))
        return SIZE_MAX;
    if (f->head && can_index)
        return indexed(f, needle, from);
    if (f->work > DIRECT_LIMIT)
        return SIZE_MAX;
    const size_t at = opa_text_find(f->hay, needle, from);
    f->work += (at == SIZE_MAX ? f->hay.size : at) - from + needle.size + 64;
    return at;
}
