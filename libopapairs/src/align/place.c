/* SPDX-License-Identifier: Apache-2.0 */
#include "align/place.h"

#include <stdlib.h>
#include <string.h>

#include "align/borders.h"
#include "align/placing.h"
#include "base/utf8.h"

/* Places of one sentence that are weighed: more only matter in texts that say little else. */
enum { WINDOW = 64, WINDOW_OF_MANY = 8, MANY = 4096 };

bool opa_placing_bordered(opa_text text, opa_span s)
{
    return opa_word_border(text, s.begin) && opa_word_border(text, s.end);
}

bool opa_placing_fold(opa_placing *p)
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

bool opa_placing_free(const opa_placing *p, opa_span s)
{
    return !memchr(p->claimed + s.begin, 1, s.end - s.begin);
}

void opa_placing_claim(opa_placing *p, size_t i, opa_span s, unsigned tolerance)
{
    if (tolerance == OPA_FOLD_ALL) {
        const opa_text there = {p->hay.data + s.begin, s.end - s.begin};
        tolerance = opa_fold_needed(p->scratch, there, p->sentences[i]);
    }
    p->out[i] = (opa_found){.found = true, .span = s, .tolerance = tolerance};
    memset(p->claimed + s.begin, 1, s.end - s.begin);
}

/* The common case: each sentence stands right behind the one before. */
static bool tile(opa_placing *p)
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

static bool add_place(opa_placing *p, places *list, opa_span s)
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
static void prefer_words(const opa_placing *p, places *list)
{
    size_t kept = 0;
    for (size_t k = 0; k < list->count; k++)
        if (opa_placing_bordered(p->hay, list->items[k]))
            list->items[kept++] = list->items[k];
    if (kept)
        list->count = kept;
}

static void find_exact(opa_placing *p, places *list, opa_text s, size_t most)
{
    for (size_t at = 0; list->count < most && (at = opa_finder_next(&p->exact, s, at)) != SIZE_MAX; at++)
        if (!add_place(p, list, (opa_span){at, at + s.size}))
            return;
}

static void find_folded(opa_placing *p, places *list, opa_text s, size_t most)
{
    opa_folded f;
    if (!opa_placing_fold(p))
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

static void add_candidate(opa_placing *p, size_t owner, opa_span s, unsigned tolerance)
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
    p->candidates[p->candidate_count++] =
        (opa_candidate){.owner = owner,
                        .span = s,
                        .after = opa_skip_space(p->hay, s.end),
                        .weight = opa_placing_bordered(p->hay, s) ? worth : worth / 4 + 1,
                        .tolerance = tolerance};
}

/* The places of a sentence around where it is expected. */
static void add_window(opa_placing *p, size_t owner, const places *list, unsigned tolerance, size_t expected)
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
static void find_candidates(opa_placing *p)
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

static void claim_chosen(opa_placing *p)
{
    for (size_t k = 0; k < p->candidate_count; k++)
        if (p->candidates[k].chosen)
            opa_placing_claim(p, p->candidates[k].owner, p->candidates[k].span, p->candidates[k].tolerance);
}

/* Does a place fill what is uncovered between its neighbours? */
static unsigned tiles(const opa_placing *p, const opa_candidate *c)
{
    size_t b = c->span.begin;
    while (b > 0 && (p->hay.data[b - 1] == ' ' || p->hay.data[b - 1] == '\n'))
        b--;
    return (b == 0 || p->claimed[b - 1]) + (unsigned)(c->after == p->hay.size || p->claimed[c->after]);
}

/* A sentence outside the chain: its best place that is free. */
static bool claim_elsewhere(opa_placing *p, size_t i)
{
    const opa_candidate *best = NULL;
    unsigned best_tiles = 0;
    for (size_t k = p->first[i]; k < p->first[i + 1]; k++) {
        const opa_candidate *c = &p->candidates[k];
        if (!opa_placing_free(p, c->span))
            continue;
        const unsigned t = tiles(p, c);
        if (!best || c->weight > best->weight || (c->weight == best->weight && t > best_tiles)) {
            best = c;
            best_tiles = t;
        }
    }
    if (best) {
        opa_placing_claim(p, i, best->span, best->tolerance);
        return true;
    }
    /* Its exact places are taken; perhaps it was copied a little differently from another one. */
    places list = {0};
    if (p->first[i] < p->first[i + 1] && p->candidates[p->first[i]].tolerance == 0)
        find_folded(p, &list, p->sentences[i], WINDOW);
    for (size_t k = 0; k < list.count; k++)
        if (opa_placing_free(p, list.items[k]) && opa_placing_bordered(p->hay, list.items[k])) {
            opa_placing_claim(p, i, list.items[k], OPA_FOLD_ALL);
            return true;
        }
    return false;
}

/* A sentence whose places are all taken shares one: that of its twin, else the best. */
static void share(opa_placing *p, size_t i)
{
    const opa_candidate *best = NULL;
    for (size_t k = p->first[i]; k < p->first[i + 1]; k++)
        if (!best || p->candidates[k].weight > best->weight)
            best = &p->candidates[k];
    if (!best)
        return;
    opa_placing_claim(p, i, best->span, best->tolerance);
    p->out[i].overlap = true;
}

static bool place_freely(opa_placing *p, bool near)
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
            opa_placing_near(p, i);
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
static bool stands_twice(opa_placing *p, opa_span own, const opa_span *all, size_t count)
{
    const opa_text words = {p->hay.data + own.begin, own.end - own.begin};
    for (size_t at = 0; (at = opa_finder_next(&p->exact, words, at)) != SIZE_MAX; at++) {
        const opa_span s = {at, at + words.size};
        if (s.end <= own.begin || s.begin >= own.end)
            if (opa_placing_bordered(p->hay, s) && !inside_longer(all, count, s))
                return true;
    }
    return false;
}

static bool mark_ambiguous(opa_placing *p)
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

static bool mark_moved(opa_placing *p)
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
    opa_placing p = {.scratch = scratch, .out = out, .hay = hay, .sentences = sentences, .count = count};
    p.exact = (opa_finder){.hay = hay, .arena = scratch};
    for (size_t i = 0; i < count; i++)
        out[i] = (opa_found){0};
    if (count == 0)
        return true;
    if (!tile(&p) && (!place_freely(&p, near) || !mark_moved(&p)))
        return false;
    return mark_ambiguous(&p) && !p.folded.failed;
}
