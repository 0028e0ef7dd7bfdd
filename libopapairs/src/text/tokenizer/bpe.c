/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/bpe.h"

#include <stdlib.h>

/* Up to this many symbols a scan for the lowest rank is faster than a heap. */
#define SHORT 48

/* A symbol in the list of those that are left. next and prev are indices, NIL at the ends; id is DEAD once merged away.
 */
struct opa_bpe_node {
    uint32_t id, end, prev, next;
};

/* A merge that may be done: of the node at (id left) with its neighbour (id right). Out of date when these have
 * changed. */
struct opa_bpe_candidate {
    uint32_t rank, at, left, right;
};

#define NIL UINT32_MAX
#define DEAD (UINT32_MAX - 1)

bool opa_bpe_join(opa_bpe *bpe, uint32_t a, uint32_t b)
{
    if (!bpe->joins)
        bpe->joins = calloc(((size_t)1 << OPA_BPE_JOIN_BITS) / 64, sizeof(*bpe->joins));
    if (!bpe->joins)
        return false;
    const uint64_t h = ((uint64_t)a * UINT64_C(0x9E3779B97F4A7C15) + b) * UINT64_C(0xD6E8FEB86659FD93);
    const size_t bit = (size_t)(h >> (64 - OPA_BPE_JOIN_BITS));
    bpe->joins[bit / 64] |= UINT64_C(1) << (bit % 64);
    return true;
}

void opa_bpe_release(opa_bpe *bpe)
{
    opa_pairmap_release(&bpe->merges);
    free(bpe->joins);
    *bpe = (opa_bpe){0};
}

void opa_bpe_scratch_release(opa_bpe_scratch *s)
{
    free(s->nodes);
    free(s->heap);
    *s = (opa_bpe_scratch){0};
}

static uint32_t rank_of(const opa_bpe *bpe, uint32_t left, uint32_t right, uint32_t *merged)
{
    if (left == OPA_BPE_UNKNOWN)
        return NIL;
    const opa_pair_entry *e = opa_pairmap_find(&bpe->merges, left, right);
    if (!e)
        return NIL;
    *merged = e->y;
    return e->x;
}

static void merge_short(const opa_bpe *bpe, opa_symbol *s, size_t *count)
{
    uint32_t rank[SHORT], made[SHORT];
    size_t n = *count;
    for (size_t i = 0; i + 1 < n; i++)
        rank[i] = rank_of(bpe, s[i].id, s[i + 1].id, &made[i]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best])
                best = i;
        if (rank[best] == NIL)
            break;
        s[best] = (opa_symbol){made[best], s[best + 1].end};
        n--;
        for (size_t i = best + 1; i < n; i++) {
            s[i] = s[i + 1];
            rank[i] = rank[i + 1];
            made[i] = made[i + 1];
        }
        if (best > 0)
            rank[best - 1] = rank_of(bpe, s[best - 1].id, s[best].id, &made[best - 1]);
        if (best + 1 < n)
            rank[best] = rank_of(bpe, s[best].id, s[best + 1].id, &made[best]);
    }
    *count = n;
}

static bool before(const struct opa_bpe_candidate *a, const struct opa_bpe_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void sift_down(opa_bpe_scratch *s, size_t i)
{
    const struct opa_bpe_candidate c = s->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->heap_size)
            break;
        if (child + 1 < s->heap_size && before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!before(&s->heap[child], &c))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = c;
}

/* Put the candidate of the node @p at with its neighbour into the heap, if there is one. */
static bool push(const opa_bpe *bpe, opa_bpe_scratch *s, uint32_t at, bool sift)
{
    const struct opa_bpe_node *n = &s->nodes[at];
    uint32_t merged;
    if (n->next == NIL)
        return true;
    const struct opa_bpe_candidate c = {rank_of(bpe, n->id, s->nodes[n->next].id, &merged), at, n->id,
                                        s->nodes[n->next].id};
    if (c.rank == NIL)
        return true;
    if (s->heap_size == s->heap_capacity) {
        const size_t more = s->heap_capacity ? s->heap_capacity * 2 : 256;
        struct opa_bpe_candidate *grown =
            more <= SIZE_MAX / sizeof(*grown) ? realloc(s->heap, more * sizeof(*grown)) : NULL;
        if (!grown)
            return false;
        s->heap = grown;
        s->heap_capacity = more;
    }
    size_t i = s->heap_size++;
    for (; sift && i > 0 && before(&c, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = c;
    return true;
}

static bool start_long(const opa_bpe *bpe, opa_bpe_scratch *s, const opa_symbol *symbols, size_t count)
{
    if (count >= DEAD)
        return false;
    if (s->node_capacity < count) {
        free(s->nodes);
        s->nodes = malloc(count * sizeof(*s->nodes));
        s->node_capacity = s->nodes ? count : 0;
        if (!s->nodes)
            return false;
    }
    for (uint32_t i = 0; i < count; i++)
        s->nodes[i] =
            (struct opa_bpe_node){symbols[i].id, symbols[i].end, i ? i - 1 : NIL, i + 1 < count ? i + 1 : NIL};
    s->heap_size = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!push(bpe, s, i, false))
            return false;
    for (size_t i = s->heap_size / 2; i-- > 0;)
        sift_down(s, i);
    return true;
}

static bool merge_long(const opa_bpe *bpe, opa_bpe_scratch *s, opa_symbol *symbols, size_t *count)
{
    if (!start_long(bpe, s, symbols, *count))
        return false;
    while (s->heap_size) {
        const struct opa_bpe_candidate top = s->heap[0];
        s->heap[0] = s->heap[--s->heap_size];
        if (s->heap_size)
            sift_down(s, 0);
        struct opa_bpe_node *n = &s->nodes[top.at];
        if (n->id != top.left || n->next == NIL || s->nodes[n->next].id != top.right)
            continue;
        struct opa_bpe_node *dead = &s->nodes[n->next];
        rank_of(bpe, top.left, top.right, &n->id);
        n->end = dead->end;
        n->next = dead->next;
        dead->id = DEAD;
        if (n->next != NIL)
            s->nodes[n->next].prev = top.at;
        if ((n->prev != NIL && !push(bpe, s, n->prev, true)) || !push(bpe, s, top.at, true))
            return false;
    }
    size_t n = 0;
    for (uint32_t i = 0; i != NIL; i = s->nodes[i].next)
        symbols[n++] = (opa_symbol){s->nodes[i].id, s->nodes[i].end};
    *count = n;
    return true;
}

bool opa_bpe_merge(const opa_bpe *bpe, opa_bpe_scratch *s, opa_symbol *symbols, size_t *count)
{
    if (*count > SHORT)
        return merge_long(bpe, s, symbols, count);
    merge_short(bpe, symbols, count);
    return true;
}
