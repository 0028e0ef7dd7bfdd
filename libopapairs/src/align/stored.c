/* SPDX-License-Identifier: Apache-2.0 */
#include "align/aligning.h"
#include "base/utf8.h"

/* Where each sentence's rewriting stands in the stored revised text. */
static opa_found *find_rewritten(opa_aligning *a)
{
    const size_t n = a->report->count;
    opa_text *texts = opa_arena_array(a->scratch, n, sizeof *texts);
    opa_found *found = opa_arena_array(a->scratch, n, sizeof *found);
    if (!texts || !found)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const opa_sentence *s = &a->report->sentences[i];
        /* The stored text was joined from what the expert wrote, copies included. */
        texts[i] = opa_text_trim(s->rewritten.data ? s->rewritten : s->copied);
    }
    if (!opa_place(a->scratch, found, a->stored, texts, n, false))
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        opa_placed *p = &a->out->placed[i];
        const bool removed = texts[i].size == 0 && (a->found[i].found || a->report->sentences[i].rewritten.data);
        p->has_revised = found[i].found || removed;
        if (p->has_revised)
            p->revised = found[i].found ? found[i].span : (opa_span){at, at};
        if (found[i].found)
            at = found[i].span.end;
        if (texts[i].size && !found[i].found && a->out->certificate != OPA_BROKEN) {
            char field[64];
            opa_aligning_note(a, OPA_F_REWRITTEN_UNPLACED, opa_aligning_field(a, i, "rewritten_content", field),
                              "the rewritten sentence is not in the revised text");
        }
    }
    return found;
}

/* Sentences inside [begin, end) of the revised text that are no anchors. */
static size_t loose_between(const opa_aligning *a, const opa_found *found, const bool *anchor, opa_span region)
{
    size_t n = 0;
    for (size_t i = 0; i < a->report->count && n < 2; i++)
        n += !anchor[i] && found[i].found && found[i].span.begin >= region.begin && found[i].span.end <= region.end;
    return n;
}

static void add_region(opa_aligning *a, const opa_found *found, const bool *anchor, opa_span g, opa_span r,
                       size_t loose)
{
    const opa_text left = {a->generated.data + g.begin, g.end - g.begin};
    const opa_text right = {a->stored.data + r.begin, r.end - r.begin};
    opa_block block = {.generated = g, .revised = r, .sentence = -1};
    if (!opa_text_blank(left) && !opa_text_blank(right)) {
        /* Between two anchors at most one sentence on either side: what stands there is a sentence and its rewriting.
         */
        const size_t other = loose < 2 ? loose_between(a, found, anchor, r) : 0;
        block.pair = loose < 2 && other < 2 && loose + other > 0;
        block.whole = !block.pair;
    }
    opa_aligning_add_block(a, block);
}

static bool choose_anchors(opa_aligning *a, const opa_found *found, bool *anchor)
{
    opa_candidate *c = opa_arena_array(a->scratch, a->order_count + 1, sizeof *c);
    if (!c)
        return false;
    size_t n = 0;
    for (size_t k = 0; k < a->order_count; k++) {
        const opa_found *f = &found[a->order[k]];
        if (f->found && !f->overlap)
            c[n++] = (opa_candidate){.owner = k,
                                     .span = f->span,
                                     .after = f->span.end,
                                     .weight = (int64_t)(f->span.end - f->span.begin) + 64};
    }
    if (!opa_chain(a->scratch, c, n))
        return false;
    for (size_t k = 0; k < n; k++)
        anchor[a->order[c[k].owner]] = c[k].chosen;
    return true;
}

void opa_anchor_stored(opa_aligning *a)
{
    a->out->revised = a->stored;
    opa_span g = {0, 0}, r = {0, 0};
    size_t loose = 0;
    opa_found *found = NULL;
    bool *anchor = NULL;
    if (a->report && a->report->count) {
        found = find_rewritten(a);
        anchor = opa_arena_array(a->scratch, a->report->count, sizeof *anchor);
        if (!found || !anchor || !choose_anchors(a, found, anchor)) {
            a->failed = true;
            return;
        }
    }
    for (size_t k = 0; k < a->order_count; k++) {
        const size_t i = a->order[k];
        if (!anchor[i]) {
            loose++;
            continue;
        }
        g.end = a->found[i].span.begin;
        r.end = found[i].span.begin;
        add_region(a, found, anchor, g, r, loose);
        opa_aligning_add_block(
            a, (opa_block){.generated = a->found[i].span, .revised = found[i].span, .sentence = (int)i, .pair = true});
        g.begin = a->found[i].span.end;
        r.begin = found[i].span.end;
        loose = 0;
    }
    g.end = a->generated.size;
    r.end = a->stored.size;
    if (a->report && a->report->count)
        add_region(a, found, anchor, g, r, loose);
    else
        opa_aligning_add_block(a, (opa_block){.generated = g, .revised = r, .sentence = -1, .whole = true});
}
