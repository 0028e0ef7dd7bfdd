/* SPDX-License-Identifier: Apache-2.0 */
#include "align/chain.h"

#include <stdlib.h>

/* Worth less than any difference in what is covered, more than nothing. */
#define TILE_BONUS 16
#define NOBODY SIZE_MAX

/* best[] is a Fenwick tree of maxima over the ranks of `after`: the best chain that ends at or before a place. tile[]
 * is the best chain that ends exactly there. Both hold candidates, NOBODY for none. */
typedef struct chains {
    size_t *ranks; /* the distinct values of `after`, ascending */
    size_t rank_count;
    size_t *best, *tile;
    int64_t *score;
    size_t *back;
} chains;

static int by_size(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Ranks whose place is at or before @p at. */
static size_t ranks_until(const chains *c, size_t at)
{
    size_t low = 0, high = c->rank_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (c->ranks[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool start(opa_arena *scratch, chains *c, const opa_candidate *candidates, size_t count)
{
    c->ranks = opa_arena_array(scratch, count, sizeof *c->ranks);
    c->best = opa_arena_array(scratch, count + 1, sizeof *c->best);
    c->tile = opa_arena_array(scratch, count, sizeof *c->tile);
    c->score = opa_arena_array(scratch, count, sizeof *c->score);
    c->back = opa_arena_array(scratch, count, sizeof *c->back);
    if (!c->ranks || !c->best || !c->tile || !c->score || !c->back)
        return false;
    for (size_t i = 0; i < count; i++)
        c->ranks[i] = candidates[i].after;
    qsort(c->ranks, count, sizeof *c->ranks, by_size);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || c->ranks[i] != c->ranks[c->rank_count - 1])
            c->ranks[c->rank_count++] = c->ranks[i];
        c->best[i] = c->tile[i] = NOBODY;
    }
    c->best[count] = NOBODY;
    return true;
}

/* What can stand best before candidate @p i. */
static void extend(chains *c, const opa_candidate *candidates, size_t i)
{
    const size_t begin = candidates[i].span.begin;
    const size_t until = ranks_until(c, begin);
    size_t before = NOBODY;
    for (size_t r = until; r > 0; r &= r - 1)
        if (c->best[r] != NOBODY && (before == NOBODY || c->score[c->best[r]] > c->score[before]))
            before = c->best[r];
    int64_t score = before == NOBODY ? 0 : c->score[before];
    const bool known = until > 0 && c->ranks[until - 1] == begin;
    const size_t tiling = known ? c->tile[until - 1] : NOBODY;
    if (tiling != NOBODY && c->score[tiling] + TILE_BONUS > score) {
        before = tiling;
        score = c->score[tiling] + TILE_BONUS;
    }
    c->score[i] = score + candidates[i].weight;
    c->back[i] = before;
}

static void insert(chains *c, const opa_candidate *candidates, size_t i)
{
    const size_t rank = ranks_until(c, candidates[i].after);
    if (c->tile[rank - 1] == NOBODY || c->score[i] > c->score[c->tile[rank - 1]])
        c->tile[rank - 1] = i;
    for (size_t r = rank; r <= c->rank_count; r += r & (~r + 1))
        if (c->best[r] == NOBODY || c->score[i] > c->score[c->best[r]])
            c->best[r] = i;
}

bool opa_chain(opa_arena *scratch, opa_candidate *candidates, size_t count)
{
    chains c = {0};
    if (count == 0)
        return true;
    if (!start(scratch, &c, candidates, count))
        return false;
    size_t best = 0;
    for (size_t i = 0; i < count;) {
        size_t end = i;
        for (; end < count && candidates[end].owner == candidates[i].owner; end++)
            extend(&c, candidates, end);
        for (; i < end; i++) {
            insert(&c, candidates, i);
            candidates[i].chosen = false;
            if (c.score[i] > c.score[best])
                best = i;
        }
    }
    for (size_t i = best; i != NOBODY; i = c.back[i])
        candidates[i].chosen = true;
    return true;
}
