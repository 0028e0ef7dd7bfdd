/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences that were not copied to the letter: the part of place.c that searches with edits. */
#include <string.h>

#include "align/borders.h"
#include "align/near.h"
#include "align/placing.h"
#include "base/utf8.h"

/* Steps of 64 rows that all searches with edits may take together (a few tenths of a second). */
#define NEAR_WORK ((size_t)1 << 25)

/* The text of one search with edits, and the best of it. */
typedef struct near_best {
    opa_text pattern; /* folded */
    size_t limit;
    opa_span span;
    size_t edits; /* over limit: none yet */
} near_best;

/* max(3 characters, 12 %), but never so many that a short text fits anywhere. */
static size_t near_limit(opa_text pattern)
{
    size_t chars = 0;
    for (size_t i = 0; i < pattern.size; i++)
        chars += ((unsigned char)pattern.data[i] & 0xC0) != 0x80;
    const size_t three = chars ? 3 * ((pattern.size + chars - 1) / chars) : 3;
    size_t limit = pattern.size * 12 / 100;
    limit = limit > three ? limit : three;
    return limit < pattern.size / 4 ? limit : pattern.size / 4;
}

/* First folded byte whose cluster begins at or after @p at. */
static size_t folded_at(const opa_folded *f, size_t at)
{
    size_t low = 0, high = f->text.size;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (f->begin[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Search uncovered text [s.begin, s.end), whose ends are visible. */
static void search_near(opa_placing *p, near_best *best, opa_span s)
{
    const size_t b = folded_at(&p->fold, s.begin), e = folded_at(&p->fold, s.end);
    const size_t work = (e - b) * (best->pattern.size / 64 + 1) + best->pattern.size * 8;
    if (e <= b || e - b + best->limit < best->pattern.size || p->near_work + work > NEAR_WORK)
        return;
    p->near_work += work;
    opa_span hit;
    size_t edits;
    const opa_text region = {p->fold.text.data + b, e - b};
    if (!opa_near_find(p->scratch, &hit, &edits, region, best->pattern, best->limit) || edits >= best->edits)
        return;
    /* What little is left of the region at either end is part of the difference. */
    if (hit.begin <= best->limit - edits) {
        edits += hit.begin;
        hit.begin = 0;
    }
    if (region.size - hit.end <= best->limit - edits) {
        edits += region.size - hit.end;
        hit.end = region.size;
    }
    for (; !opa_word_border(region, hit.begin) && edits < best->limit; edits++)
        hit.begin--;
    for (; !opa_word_border(region, hit.end) && edits < best->limit; edits++)
        hit.end++;
    if (!opa_placing_bordered(region, hit) || edits >= best->edits)
        return;
    size_t begin = b + hit.begin, end = b + hit.end;
    while (!opa_folded_border(&p->fold, begin))
        begin--;
    while (!opa_folded_border(&p->fold, end))
        end++;
    const opa_text raw = {p->hay.data + p->fold.begin[begin], p->fold.begin[end] - p->fold.begin[begin]};
    const opa_text there = opa_text_trim(raw);
    const size_t at = (size_t)(there.data - p->hay.data);
    /* A whole cluster may reach into its neighbour's place. */
    if (there.size == 0 || !opa_placing_free(p, (opa_span){at, at + there.size}))
        return;
    best->span = (opa_span){at, at + there.size};
    best->edits = edits;
}

/* Search all uncovered text inside [window.begin, window.end). */
static void search_window(opa_placing *p, near_best *best, opa_span window)
{
    for (size_t at = window.begin; at < window.end && p->near_work < NEAR_WORK;) {
        p->near_work += 16;
        if (p->claimed[at]) {
            const uint8_t *open = memchr(p->claimed + at, 0, window.end - at);
            at = open ? (size_t)(open - p->claimed) : window.end;
            continue;
        }
        const uint8_t *shut = memchr(p->claimed + at, 1, window.end - at);
        const size_t end = shut ? (size_t)(shut - p->claimed) : window.end;
        const opa_text t = opa_text_trim((opa_text){p->hay.data + at, end - at});
        if (t.size) {
            const size_t begin = (size_t)(t.data - p->hay.data);
            search_near(p, best, (opa_span){begin, begin + t.size});
        }
        at = end;
    }
}

/* From the place of the last sentence before it to that of the first one behind it. */
static opa_span between_neighbours(opa_placing *p, size_t i)
{
    opa_span window = {0, p->hay.size};
    for (size_t k = i; k-- > 0; p->near_work++)
        if (p->out[k].found) {
            window.begin = p->out[k].span.end;
            break;
        }
    for (size_t k = i + 1; k < p->count; k++, p->near_work++)
        if (p->out[k].found && p->out[k].span.begin >= window.begin) {
            window.end = p->out[k].span.begin;
            break;
        }
    return window;
}

/* Only right behind the sentence before it: where many differ a little, this finds each at the price of its length. A
 * place near the end of the window is no answer, as the window cuts text. */
static bool search_ahead(opa_placing *p, near_best *best, opa_span window)
{
    const size_t reach = 4 * best->pattern.size + 512;
    if (window.end - window.begin < 2 * reach)
        return false;
    window.end = window.begin + reach;
    search_window(p, best, window);
    if (best->edits <= best->limit && best->span.end + best->limit + best->pattern.size / 2 < window.end)
        return true;
    best->edits = best->limit + 1;
    return false;
}

void opa_placing_near(opa_placing *p, size_t i)
{
    opa_folded f;
    if (p->near_work >= NEAR_WORK)
        return;
    if (!opa_placing_fold(p) || !opa_fold(p->scratch, &f, p->sentences[i], OPA_FOLD_ALL)) {
        p->failed = true;
        return;
    }
    near_best best = {.pattern = f.text, .limit = near_limit(f.text)};
    best.edits = best.limit + 1;
    const opa_span window = between_neighbours(p, i);
    if (!search_ahead(p, &best, window))
        search_window(p, &best, window);
    if (best.edits > best.limit)
        search_window(p, &best, (opa_span){0, p->hay.size});
    if (best.edits > best.limit)
        return;
    opa_placing_claim(p, i, best.span, OPA_TOLERATE_NEAR);
    p->out[i].edits = best.edits;
}
