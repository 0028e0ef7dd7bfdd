/* SPDX-License-Identifier: Apache-2.0 */
#include "align/place.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "align/finder.h"
#include "align/near.h"
#include "base/utf8.h"

/* Places of one sentence that are weighed: more only matter in texts that say little else. */
enum { WINDOW = 64, WINDOW_OF_MANY = 8, MANY = 4096 };
/* Steps of 64 rows that all searches with edits may take together (a few tenths of a second). */
#define NEAR_WORK ((size_t)1 << 25)

/* All that is known while placing. */
typedef struct placing {
    opa_arena *scratch;
    opa_found *out;
    opa_text hay;
    const opa_text *sentences;
    size_t count;
    opa_finder exact, folded; /* folded.hay is the folded text */
    opa_folded fold;
    opa_candidate *candidates;
    size_t candidate_count, candidate_capacity;
    size_t *first;    /* count + 1: the candidates of each sentence */
    uint8_t *claimed; /* a flag for each byte of the text */
    size_t near_work;
    bool failed;
} placing;

size_t opa_skip_space(opa_text text, size_t at)
{
    uint32_t c;
    size_t n;
    while ((n = opa_wtf8_decode(&c, text.data + at, text.size - at)) > 0 && opa_is_space(c))
        at += n;
    return at;
}

/* Is it part of a word that goes on? Scripts written without spaces have a border at every character. */
static bool joins(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if ((c >= 0xE00 && c <= 0xEFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF) ||
        (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) || c >= 0x20000 || (c >= 0xD800 && c <= 0xDFFF))
        return false;
    const utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO;
}

bool opa_word_border(opa_text text, size_t at)
{
    if (at == 0 || at >= text.size)
        return true;
    size_t b = at - 1;
    while (b > 0 && at - b < 4 && ((unsigned char)text.data[b] & 0xC0) == 0x80)
        b--;
    uint32_t left, right;
    return opa_wtf8_decode(&left, text.data + b, at - b) == 0 || !joins(left) ||
           opa_wtf8_decode(&right, text.data + at, text.size - at) == 0 || !joins(right);
}

static bool bordered(opa_text text, opa_span s)
{
    return opa_word_border(text, s.begin) && opa_word_border(text, s.end);
}

/* The common case: each sentence stands right behind the one before. */
static bool tile(placing *p)
{
    size_t at = 0;
    for (size_t i = 0; i < p->count; i++) {
        const opa_text s = p->sentences[i];
        if (s.size == 0)
            continue;
        at = opa_skip_space(p->hay, at);
        if (s.size > p->hay.size - at || memcmp(p->hay.data + at, s.data, s.size) != 0 ||
            !opa_word_border(p->hay, at + s.size))
            return false;
        p->out[i] = (opa_found){.found = true, .span = {at, at + s.size}};
        at += s.size;
    }
    return true;
}

/* ---- candidates ---- */

/* A list of places as they are found. */
typedef struct places {
    opa_span *items;
    size_t count, capacity;
} places;

static bool add_place(placing *p, places *list, opa_span s)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? list->capacity * 2 : 8;
        opa_span *items = opa_arena_array(p->scratch, capacity, sizeof *items);
        if (!items) {
            p->failed = true;
            return false;
        }
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = s;
    return true;
}

/* A place in the middle of a word is one only where there is no other. */
static void prefer_words(const placing *p, places *list)
{
    size_t kept = 0;
    for (size_t k = 0; k < list->count; k++)
        if (bordered(p->hay, list->items[k]))
            list->items[kept++] = list->items[k];
    if (kept)
        list->count = kept;
}

static void find_exact(placing *p, places *list, opa_text s, size_t most)
{
    for (size_t at = 0; list->count < most && (at = opa_finder_next(&p->exact, s, at)) != SIZE_MAX; at++)
        if (!add_place(p, list, (opa_span){at, at + s.size}))
            return;
}

static bool fold_hay(placing *p)
{
    if (p->folded.hay.data)
        return true;
    if (!opa_fold(p->scratch, &p->fold, p->hay, OPA_FOLD_ALL)) {
        p->failed = true;
        return false;
    }
    p->folded = (opa_finder){.hay = p->fold.text, .arena = p->scratch};
    return true;
}

static void find_folded(placing *p, places *list, opa_text s, size_t most)
{
    opa_folded f;
    if (!fold_hay(p))
        return;
    if (!opa_fold(p->scratch, &f, s, OPA_FOLD_ALL)) {
        p->failed = true;
        return;
    }
    size_t at = 0;
    for (; list->count < most && (at = opa_finder_next(&p->folded, f.text, at)) != SIZE_MAX; at++) {
        const size_t end = at + f.text.size;
        if (opa_folded_border(&p->fold, at) && opa_folded_border(&p->fold, end) &&
            !add_place(p, list, (opa_span){p->fold.begin[at], p->fold.begin[end]}))
            return;
    }
}

static void add_candidate(placing *p, size_t owner, opa_span s, unsigned tolerance)
{
    if (p->candidate_count == p->candidate_capacity) {
        const size_t capacity = p->candidate_capacity ? p->candidate_capacity * 2 : p->count * 2 + 16;
        opa_candidate *items = opa_arena_array(p->scratch, capacity, sizeof *items);
        if (!items) {
            p->failed = true;
            return;
        }
        if (p->candidate_count)
            memcpy(items, p->candidates, p->candidate_count * sizeof *items);
        p->candidates = items;
        p->candidate_capacity = capacity;
    }
    const int64_t worth = (int64_t)(s.end - s.begin) + 64;
    p->candidates[p->candidate_count++] = (opa_candidate){.owner = owner,
                                                          .span = s,
                                                          .after = opa_skip_space(p->hay, s.end),
                                                          .weight = bordered(p->hay, s) ? worth : worth / 4 + 1,
                                                          .tolerance = tolerance};
}

/* The places of a sentence around where it is expected. */
static void add_window(placing *p, size_t owner, const places *list, unsigned tolerance, size_t expected)
{
    const size_t window = p->count > MANY ? WINDOW_OF_MANY : WINDOW;
    size_t begin = 0, end = list->count;
    if (end > window) {
        size_t low = 0, high = list->count;
        while (low < high) {
            const size_t middle = (low + high) / 2;
            if (list->items[middle].begin < expected)
                low = middle + 1;
            else
                high = middle;
        }
        begin = low > window / 2 ? low - window / 2 : 0;
        begin = begin + window > list->count ? list->count - window : begin;
        end = begin + window;
    }
    for (size_t k = begin; k < end; k++)
        add_candidate(p, owner, list->items[k], tolerance);
}

/* Sentences of the same bytes, found once. */
typedef struct group {
    opa_text text;
    size_t index;
} group;

static int by_text(const void *a, const void *b)
{
    const group *x = a, *y = b;
    if (x->text.size != y->text.size)
        return x->text.size < y->text.size ? -1 : 1;
    const int order = x->text.size ? memcmp(x->text.data, y->text.data, x->text.size) : 0;
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Every place that a sentence could have: the exact ones, or where there are none the folded ones. */
static void find_candidates(placing *p)
{
    group *groups = opa_arena_array(p->scratch, p->count, sizeof *groups);
    places *lists = opa_arena_array(p->scratch, p->count, sizeof *lists);
    bool *tolerant = opa_arena_array(p->scratch, p->count, sizeof *tolerant);
    p->first = opa_arena_array(p->scratch, p->count + 1, sizeof *p->first);
    if (!groups || !lists || !tolerant || !p->first) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < p->count; i++)
        groups[i] = (group){p->sentences[i], i};
    qsort(groups, p->count, sizeof *groups, by_text);
    for (size_t i = 0, end; i < p->count && !p->failed; i = end) {
        places list = {0};
        for (end = i + 1; end < p->count && opa_text_equal(groups[end].text, groups[i].text);)
            end++;
        const size_t most = 2 * (end - i) + 256;
        find_exact(p, &list, groups[i].text, most);
        const bool fold = list.count == 0 && groups[i].text.size > 0;
        if (fold)
            find_folded(p, &list, groups[i].text, most);
        prefer_words(p, &list);
        for (size_t k = i; k < end; k++) {
            lists[groups[k].index] = list;
            tolerant[groups[k].index] = fold;
        }
    }
    for (size_t i = 0, expected = 0; i < p->count && !p->failed; i++) {
        p->first[i] = p->candidate_count;
        add_window(p, i, &lists[i], tolerant[i] ? OPA_FOLD_ALL : 0, expected);
        expected += p->sentences[i].size + 1;
    }
    p->first[p->count] = p->candidate_count;
}

/* ---- choosing ---- */

static bool is_free(const placing *p, opa_span s)
{
    return !memchr(p->claimed + s.begin, 1, s.end - s.begin);
}

static void claim(placing *p, size_t i, opa_span s, unsigned tolerance)
{
    if (tolerance == OPA_FOLD_ALL) {
        const opa_text there = {p->hay.data + s.begin, s.end - s.begin};
        tolerance = opa_fold_needed(p->scratch, there, p->sentences[i]);
    }
    p->out[i] = (opa_found){.found = true, .span = s, .tolerance = tolerance};
    memset(p->claimed + s.begin, 1, s.end - s.begin);
}

static void claim_chosen(placing *p)
{
    for (size_t k = 0; k < p->candidate_count; k++)
        if (p->candidates[k].chosen)
            claim(p, p->candidates[k].owner, p->candidates[k].span, p->candidates[k].tolerance);
}

/* Does a place fill what is uncovered between its neighbours? */
static unsigned tiles(const placing *p, const opa_candidate *c)
{
    size_t b = c->span.begin;
    while (b > 0 && (p->hay.data[b - 1] == ' ' || p->hay.data[b - 1] == '\n'))
        b--;
    return (b == 0 || p->claimed[b - 1]) + (unsigned)(c->after == p->hay.size || p->claimed[c->after]);
}

/* A sentence outside the chain: its best place that is free. */
static bool claim_elsewhere(placing *p, size_t i)
{
    const opa_candidate *best = NULL;
    unsigned best_tiles = 0;
    for (size_t k = p->first[i]; k < p->first[i + 1]; k++) {
        const opa_candidate *c = &p->candidates[k];
        if (!is_free(p, c->span))
            continue;
        const unsigned t = tiles(p, c);
        if (!best || c->weight > best->weight || (c->weight == best->weight && t > best_tiles)) {
            best = c;
            best_tiles = t;
        }
    }
    if (best) {
        claim(p, i, best->span, best->tolerance);
        return true;
    }
    /* Its exact places are taken; perhaps it was copied a little differently from another one. */
    places list = {0};
    if (p->first[i] < p->first[i + 1] && p->candidates[p->first[i]].tolerance == 0)
        find_folded(p, &list, p->sentences[i], WINDOW);
    for (size_t k = 0; k < list.count; k++)
        if (is_free(p, list.items[k]) && bordered(p->hay, list.items[k])) {
            claim(p, i, list.items[k], OPA_FOLD_ALL);
            return true;
        }
    return false;
}

/* A sentence whose places are all taken shares one: that of its twin, else the best. */
static void share(placing *p, size_t i)
{
    const opa_candidate *best = NULL;
    for (size_t k = p->first[i]; k < p->first[i + 1]; k++)
        if (!best || p->candidates[k].weight > best->weight)
            best = &p->candidates[k];
    if (!best)
        return;
    claim(p, i, best->span, best->tolerance);
    p->out[i].overlap = true;
}

/* ---- with edits ---- */

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
static void search_near(placing *p, near_best *best, opa_span s)
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
    if (!bordered(region, hit) || edits >= best->edits)
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
    if (there.size == 0 || !is_free(p, (opa_span){at, at + there.size}))
        return;
    best->span = (opa_span){at, at + there.size};
    best->edits = edits;
}

/* Search all uncovered text inside [window.begin, window.end). */
static void search_window(placing *p, near_best *best, opa_span window)
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
static opa_span between_neighbours(placing *p, size_t i)
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
static bool search_ahead(placing *p, near_best *best, opa_span window)
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

/* Between its neighbours, else anywhere. */
static void claim_near(placing *p, size_t i)
{
    opa_folded f;
    if (p->near_work >= NEAR_WORK)
        return;
    if (!fold_hay(p) || !opa_fold(p->scratch, &f, p->sentences[i], OPA_FOLD_ALL)) {
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
    claim(p, i, best.span, OPA_TOLERATE_NEAR);
    p->out[i].edits = best.edits;
}

static bool place_freely(placing *p, bool near)
{
    for (size_t i = 0; i < p->count; i++)
        p->out[i] = (opa_found){0};
    p->claimed = opa_arena_alloc(p->scratch, p->hay.size + 1);
    if (!p->claimed)
        return false;
    find_candidates(p);
    if (p->failed || !opa_chain(p->scratch, p->candidates, p->candidate_count))
        return false;
    claim_chosen(p);
    for (size_t i = 0; i < p->count && !p->failed; i++)
        if (!p->out[i].found && p->sentences[i].size)
            claim_elsewhere(p, i);
    for (size_t i = 0; i < p->count && !p->failed && near; i++)
        if (!p->out[i].found && p->sentences[i].size)
            claim_near(p, i);
    for (size_t i = 0; i < p->count && !p->failed; i++)
        if (!p->out[i].found && p->sentences[i].size)
            share(p, i);
    return !p->failed;
}

/* ---- what can be said of the places ---- */

static int by_begin(const void *a, const void *b)
{
    const opa_span *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin ? 1 : -1) : (x->end < y->end) - (x->end > y->end);
}

/* Does @p s lie inside a longer one of the places @p all, which are in order? */
static bool inside_longer(const opa_span *all, size_t count, opa_span s)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (all[middle].begin <= s.begin)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && all[low - 1].end >= s.end && all[low - 1].end - all[low - 1].begin > s.end - s.begin;
}

/* Does the same text stand elsewhere at word borders, not inside a longer sentence? */
static bool stands_twice(placing *p, opa_span own, const opa_span *all, size_t count)
{
    const opa_text words = {p->hay.data + own.begin, own.end - own.begin};
    for (size_t at = 0; (at = opa_finder_next(&p->exact, words, at)) != SIZE_MAX; at++) {
        const opa_span s = {at, at + words.size};
        if (s.end <= own.begin || s.begin >= own.end)
            if (bordered(p->hay, s) && !inside_longer(all, count, s))
                return true;
    }
    return false;
}

static bool mark_ambiguous(placing *p)
{
    opa_span *all = opa_arena_array(p->scratch, p->count, sizeof *all);
    if (!all)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->out[i].found)
            all[count++] = p->out[i].span;
    qsort(all, count, sizeof *all, by_begin);
    for (size_t i = 0; i < p->count; i++)
        if (p->out[i].found && !p->out[i].overlap)
            p->out[i].ambiguous = stands_twice(p, p->out[i].span, all, count);
    return !p->exact.failed;
}

static bool mark_moved(placing *p)
{
    p->candidate_count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->out[i].found && !p->out[i].overlap)
            add_candidate(p, i, p->out[i].span, 0);
    if (p->failed || !opa_chain(p->scratch, p->candidates, p->candidate_count))
        return false;
    for (size_t k = 0; k < p->candidate_count; k++)
        p->out[p->candidates[k].owner].moved = !p->candidates[k].chosen;
    return true;
}

bool opa_place(opa_arena *scratch, opa_found *out, opa_text hay, const opa_text *sentences, size_t count, bool near)
{
    placing p = {.scratch = scratch, .out = out, .hay = hay, .sentences = sentences, .count = count};
    p.exact = (opa_finder){.hay = hay, .arena = scratch};
    for (size_t i = 0; i < count; i++)
        out[i] = (opa_found){0};
    if (count == 0)
        return true;
    if (!tile(&p) && (!place_freely(&p, near) || !mark_moved(&p)))
        return false;
    return mark_ambiguous(&p) && !p.folded.failed;
}
