/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "align/aligning.h"
#include "align/borders.h"
#include "base/utf8.h"

/* Places of sentences on one side, in order and disjoint. */
typedef struct owner {
    opa_span span;
    int sentence;
} owner;

typedef struct owners {
    owner *items;
    size_t count;
} owners;

static int by_place(const void *a, const void *b)
{
    const owner *x = a, *y = b;
    if (x->span.begin != y->span.begin)
        return x->span.begin < y->span.begin ? -1 : 1;
    return (x->sentence > y->sentence) - (x->sentence < y->sentence);
}

static bool collect(opa_aligning *a, owners *o, bool revised)
{
    const size_t n = a->out->placed_count;
    o->items = opa_arena_array(a->scratch, n, sizeof *o->items);
    if (!o->items)
        return false;
    for (size_t i = 0; i < n; i++) {
        const opa_placed *p = &a->out->placed[i];
        const opa_span s = revised ? p->revised : p->generated;
        if ((revised ? p->has_revised : p->has_generated) && s.begin < s.end)
            o->items[o->count++] = (owner){s, (int)i};
    }
    qsort(o->items, o->count, sizeof *o->items, by_place);
    /* Of places that overlap the first counts. */
    size_t kept = 0;
    for (size_t k = 0; k < o->count; k++)
        if (kept == 0 || o->items[k].span.begin >= o->items[kept - 1].span.end)
            o->items[kept++] = o->items[k];
    o->count = kept;
    return true;
}

/* The sentence at @p at, and where that answer ends. */
static int owner_at(const owners *o, size_t at, size_t *until)
{
    size_t low = 0, high = o->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (o->items[middle].span.end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    *until = SIZE_MAX;
    if (low == o->count)
        return -1;
    const opa_span s = o->items[low].span;
    *until = s.begin <= at ? s.end : s.begin;
    return s.begin <= at ? o->items[low].sentence : -1;
}

/* Both sides' sentence of one piece of a hunk. @p length gets how long the answer holds, at most what it was. */
static int label_at(const owners *g, const owners *r, const opa_hunk *h, size_t at, size_t *length)
{
    int sentence = -1;
    size_t until;
    if (h->op != OPA_INSERT) {
        sentence = owner_at(g, h->generated.begin + at, &until);
        if (until - h->generated.begin - at < *length)
            *length = until - h->generated.begin - at;
    }
    if (h->op == OPA_INSERT || (h->op == OPA_KEEP && sentence < 0)) {
        sentence = owner_at(r, h->revised.begin + at, &until);
        if (until - h->revised.begin - at < *length)
            *length = until - h->revised.begin - at;
    }
    return sentence;
}

static void add_piece(opa_differ *d, const opa_hunk *h, int sentence, size_t from, size_t to)
{
    opa_span g = h->generated, r = h->revised;
    if (h->op != OPA_INSERT)
        g = (opa_span){h->generated.begin + from, h->generated.begin + to};
    else
        g.begin = g.end;
    if (h->op != OPA_DELETE)
        r = (opa_span){h->revised.begin + from, h->revised.begin + to};
    else
        r.begin = r.end;
    opa_differ_add(d, sentence, g, r);
}

/* Cut a hunk of one length at the borders of sentences. White space that is deleted or inserted goes with the sentence
 * before it, at the start with the one behind it. */
static void cut(opa_differ *d, const owners *g, const owners *r, const opa_hunk *h)
{
    const opa_span side = h->op == OPA_INSERT ? h->revised : h->generated;
    const char *bytes = (h->op == OPA_INSERT ? d->revised.data : d->generated.data) + side.begin;
    const size_t size = side.end - side.begin;
    size_t from = 0;
    int sentence = -1;
    bool visible = false;
    for (size_t at = 0; at < size;) {
        size_t length = size - at;
        const int here = label_at(g, r, h, at, &length);
        const bool blank = opa_text_blank((opa_text){bytes + at, length});
        if (h->op == OPA_KEEP) {
            add_piece(d, h, blank ? -1 : here, at, at + length);
            from = at + length;
        } else if (!blank) {
            if (visible && here != sentence) {
                add_piece(d, h, sentence, from, at);
                from = at;
            }
            sentence = here;
            visible = true;
        }
        at += length;
    }
    if (from < size)
        add_piece(d, h, sentence, from, size);
}

/* A hunk that stays whole: the sentence of its first visible byte. */
static int whole_label(const opa_differ *d, const owners *g, const owners *r, const opa_hunk *h)
{
    size_t until;
    if (h->sentence >= 0)
        return h->sentence;
    const size_t left = opa_skip_space(d->generated, h->generated.begin);
    const size_t right = opa_skip_space(d->revised, h->revised.begin);
    const int sentence = left < h->generated.end ? owner_at(g, left, &until) : -1;
    return sentence >= 0 || right >= h->revised.end ? sentence : owner_at(r, right, &until);
}

void opa_label_hunks(opa_aligning *a, opa_differ *d)
{
    owners g = {0}, r = {0};
    opa_differ out = {.generated = d->generated, .revised = d->revised, .scratch = d->scratch};
    if (!collect(a, &g, false) || !collect(a, &r, true)) {
        d->failed = true;
        return;
    }
    for (size_t k = 0; k < d->count; k++) {
        const opa_hunk *h = &d->hunks[k];
        if (h->sentence >= 0 || h->op == OPA_SUBSTITUTE) {
            opa_differ_add(&out, whole_label(d, &g, &r, h), h->generated, h->revised);
        } else {
            cut(&out, &g, &r, h);
        }
    }
    out.failed |= d->failed;
    free(d->hunks);
    *d = out;
}
