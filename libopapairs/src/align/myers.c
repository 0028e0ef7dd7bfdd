/* SPDX-License-Identifier: Apache-2.0 */
#include "align/myers.h"

#include <string.h>

/* Edits after which a search for the middle stops and the two are cut elsewhere. */
#define EDIT_LIMIT 2048
/* Diagonals visited over all searches: about half a second. */
#define WORK_LIMIT ((uint64_t)1 << 28)

/* a[a0, a1) against b[b0, b1). */
typedef struct box {
    long a0, a1, b0, b1;
} box;

/* forward[k] and backward[k] are the furthest x reached on diagonal k = x - y from either corner, in places of the
 * whole runs; both point to the middle of their arrays. stack holds the boxes still to be done. */
typedef struct search {
    opa_arena *scratch;
    const opa_sequences *s;
    long *forward, *backward;
    box *stack;
    size_t depth, capacity;
    uint64_t work;
    bool failed;
    uint32_t *a_seen, *b_seen; /* kinds: how often in a box; made when first needed */
    long *a_at, *b_at;         /* kinds: where */
} search;

typedef struct point {
    long x, y;
} point;

static void push(search *h, long a0, long a1, long b0, long b1)
{
    if (a0 == a1 && b0 == b1)
        return;
    if (h->depth == h->capacity) {
        const size_t capacity = h->capacity ? h->capacity * 2 : 32;
        box *stack = opa_arena_array(h->scratch, capacity, sizeof *stack);
        if (!stack) {
            h->failed = true;
            return;
        }
        if (h->depth)
            memcpy(stack, h->stack, h->depth * sizeof *stack);
        h->stack = stack;
        h->capacity = capacity;
    }
    h->stack[h->depth++] = (box){a0, a1, b0, b1};
}

/* The diagonals that one direction has reached; they stay inside the box. */
typedef struct reach {
    long low, high;
} reach;

static void widen(reach *r, const box *c, long *at, long nothing)
{
    const long least = c->a0 - c->b1, most = c->a1 - c->b0;
    if (r->low > least)
        at[--r->low - 1] = nothing;
    else
        r->low++;
    if (r->high < most)
        at[++r->high + 1] = nothing;
    else
        r->high--;
}

/* One more edit from the upper left. true: the other direction was met, in *out. */
static bool go_forward(search *h, const box *c, reach *r, const reach *other, bool meets, point *out)
{
    const uint32_t *a = h->s->a, *b = h->s->b;
    long *at = h->forward;
    widen(r, c, at, -1);
    for (long k = r->high; k >= r->low; k -= 2) {
        long x = at[k - 1] >= at[k + 1] ? at[k - 1] + 1 : at[k + 1];
        while (x < c->a1 && x - k < c->b1 && a[x] == b[x - k])
            x++;
        at[k] = x;
        h->work++;
        if (meets && k >= other->low && k <= other->high && h->backward[k] <= x) {
            *out = (point){x, x - k};
            return true;
        }
    }
    return false;
}

/* One more edit from the lower right. */
static bool go_backward(search *h, const box *c, reach *r, const reach *other, bool meets, point *out)
{
    const uint32_t *a = h->s->a, *b = h->s->b;
    long *at = h->backward;
    widen(r, c, at, (long)1 << 40);
    for (long k = r->high; k >= r->low; k -= 2) {
        long x = at[k - 1] < at[k + 1] ? at[k - 1] : at[k + 1] - 1;
        while (x > c->a0 && x - k > c->b0 && a[x - 1] == b[x - 1 - k])
            x--;
        at[k] = x;
        h->work++;
        if (meets && k >= other->low && k <= other->high && x <= h->forward[k]) {
            *out = (point){x, x - k};
            return true;
        }
    }
    return false;
}

/* The point that got furthest from either corner, when the search was given up. */
static point furthest(const search *h, const box *c, const reach *f, const reach *r)
{
    point best = {c->a0, c->b0};
    long most = -1;
    for (long k = f->low; k <= f->high; k += 2) {
        const long x = h->forward[k] < c->a1 ? h->forward[k] : c->a1, y = x - k;
        if (y <= c->b1 && y >= c->b0 && x + y - c->a0 - c->b0 > most) {
            most = x + y - c->a0 - c->b0;
            best = (point){x, y};
        }
    }
    for (long k = r->low; k <= r->high; k += 2) {
        const long x = h->backward[k] > c->a0 ? h->backward[k] : c->a0, y = x - k;
        if (y >= c->b0 && y <= c->b1 && c->a1 + c->b1 - x - y > most) {
            most = c->a1 + c->b1 - x - y;
            best = (point){x, y};
        }
    }
    return best;
}

/* A point on a shortest path through the middle of the box; false: given up, *out is where most was matched. */
static bool find_middle(search *h, const box *c, point *out)
{
    reach f = {c->a0 - c->b0, c->a0 - c->b0}, r = {c->a1 - c->b1, c->a1 - c->b1};
    const bool odd = (f.low - r.low) & 1;
    h->forward[f.low] = c->a0;
    h->backward[r.low] = c->a1;
    for (long edits = 0; edits < EDIT_LIMIT && h->work < WORK_LIMIT; edits++)
        if (go_forward(h, c, &f, &r, odd, out) || go_backward(h, c, &r, &f, !odd, out))
            return true;
    *out = furthest(h, c, &f, &r);
    return false;
}

static bool make_counts(search *h)
{
    const size_t n = h->s->kinds;
    h->a_seen = opa_arena_array(h->scratch, n, sizeof *h->a_seen);
    h->b_seen = opa_arena_array(h->scratch, n, sizeof *h->b_seen);
    h->a_at = opa_arena_array(h->scratch, n, sizeof *h->a_at);
    h->b_at = opa_arena_array(h->scratch, n, sizeof *h->b_at);
    h->failed |= !h->a_seen || !h->b_seen || !h->a_at || !h->b_at;
    return !h->failed;
}

/* Count each number in both halves of the box. */
static void count_numbers(search *h, const box *c)
{
    const uint32_t *a = h->s->a, *b = h->s->b;
    memset(h->a_seen, 0, h->s->kinds * sizeof *h->a_seen);
    memset(h->b_seen, 0, h->s->kinds * sizeof *h->b_seen);
    for (long i = c->a0; i < c->a1; i++)
        h->a_seen[a[i]]++;
    for (long i = c->b0; i < c->b1; i++) {
        h->b_seen[b[i]]++;
        h->b_at[b[i]] = i;
    }
}

/* The longest run, in order in both, of numbers that stand once in each: its length. It ends at *last, and back[i - a0]
 * is the place before i. tails holds the places in a where runs end, by their length (patience sorting). */
static size_t longest_run(search *h, const box *c, long *tails, long *back, long *last)
{
    const uint32_t *a = h->s->a;
    size_t longest = 0;
    for (long i = c->a0; i < c->a1; i++) {
        if (h->a_seen[a[i]] != 1 || h->b_seen[a[i]] != 1)
            continue;
        size_t low = 0, high = longest;
        while (low < high) {
            const size_t middle = (low + high) / 2;
            if (h->b_at[a[tails[middle]]] < h->b_at[a[i]])
                low = middle + 1;
            else
                high = middle;
        }
        back[i - c->a0] = low ? tails[low - 1] : -1;
        tails[low] = i;
        longest = low == longest ? longest + 1 : longest;
    }
    *last = longest ? tails[longest - 1] : -1;
    return longest;
}

/* Cut the box at the longest run, in order in both, of numbers that stand once in each (B. Cohen's patience diff). */
static bool cut_at_unique(search *h, const box *c)
{
    if (!h->a_seen && !make_counts(h))
        return false;
    const size_t n = (size_t)(c->a1 - c->a0);
    long *tails = opa_arena_array(h->scratch, n, sizeof *tails), last;
    long *back = opa_arena_array(h->scratch, n, sizeof *back);
    if (!tails || !back) {
        h->failed = true;
        return false;
    }
    count_numbers(h, c);
    h->work += n;
    if (longest_run(h, c, tails, back, &last) == 0)
        return false;
    box rest = *c;
    for (long i = last; i >= 0; i = back[i - c->a0]) {
        const long j = h->b_at[h->s->a[i]];
        push(h, i + 1, rest.a1, j + 1, rest.b1);
        rest.a1 = i;
        rest.b1 = j;
    }
    push(h, rest.a0, rest.a1, rest.b0, rest.b1);
    return true;
}

static void mark(const search *h, const box *c)
{
    memset(h->s->a_changed + c->a0, 1, (size_t)(c->a1 - c->a0));
    memset(h->s->b_changed + c->b0, 1, (size_t)(c->b1 - c->b0));
}

static void solve(search *h, box c)
{
    const uint32_t *a = h->s->a, *b = h->s->b;
    while (c.a0 < c.a1 && c.b0 < c.b1 && a[c.a0] == b[c.b0])
        c.a0++, c.b0++;
    while (c.a0 < c.a1 && c.b0 < c.b1 && a[c.a1 - 1] == b[c.b1 - 1])
        c.a1--, c.b1--;
    if (c.a0 == c.a1 || c.b0 == c.b1 || h->work >= WORK_LIMIT) {
        mark(h, &c);
        return;
    }
    point p;
    if (!find_middle(h, &c, &p) && (cut_at_unique(h, &c) || h->failed))
        return;
    /* No progress would be no end; it cannot be, but a proof in a comment stops no loop. */
    if ((p.x == c.a0 && p.y == c.b0) || (p.x == c.a1 && p.y == c.b1)) {
        mark(h, &c);
        return;
    }
    push(h, p.x, c.a1, p.y, c.b1);
    push(h, c.a0, p.x, c.b0, p.y);
}

bool opa_myers(opa_arena *scratch, const opa_sequences *s)
{
    search h = {.scratch = scratch, .s = s};
    const size_t diagonals = s->a_count + s->b_count + 4;
    long *forward = opa_arena_array(scratch, diagonals, sizeof *forward);
    long *backward = opa_arena_array(scratch, diagonals, sizeof *backward);
    if (!forward || !backward)
        return false;
    h.forward = forward + s->b_count + 2;
    h.backward = backward + s->b_count + 2;
    push(&h, 0, (long)s->a_count, 0, (long)s->b_count);
    while (h.depth > 0 && !h.failed)
        solve(&h, h.stack[--h.depth]);
    return !h.failed;
}
