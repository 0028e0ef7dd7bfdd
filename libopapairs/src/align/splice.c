/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "align/aligning.h"
#include "base/utf8.h"

/* What was passed in the generated text since the last sentence that stays: separators and removed sentences by turns,
 * separators[0] removed[0] separators[1] removed[1] ... separators[count]. One separator survives. */
typedef struct pending {
    opa_span *separators;
    size_t *removed;
    size_t count;
    bool emitted; /* something visible is in the text already */
    int inserted; /* the sentence that was put in last and needs a space behind it; -1 */
} pending;

static size_t line_breaks(opa_text text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.size; i++)
        n += text.data[i] == '\n';
    return n;
}

/* The separator that stays: the strongest, of equals the last, so that a removed sentence takes the space before it
 * along as its first token does; at the text's start the first, which is the text's own. */
static size_t strongest(const opa_aligning *a, const pending *p)
{
    size_t best = 0, most = 0;
    for (size_t k = 0; k <= p->count && p->emitted; k++) {
        const opa_span s = p->separators[k];
        const size_t breaks = line_breaks((opa_text){a->generated.data + s.begin, s.end - s.begin});
        const size_t strength = breaks * a->generated.size + (s.end - s.begin);
        if (strength >= most) {
            most = strength;
            best = k;
        }
    }
    return best;
}

static void add_both(opa_aligning *a, opa_span g, opa_text text, int sentence, bool pair)
{
    const size_t at = a->text.size;
    opa_buffer_add_text(&a->text, text);
    opa_aligning_add_block(
        a, (opa_block){.generated = g, .revised = {at, a->text.size}, .sentence = sentence, .pair = pair});
}

static void add_removed(opa_aligning *a, size_t i, size_t begin, size_t end)
{
    a->out->placed[i].has_revised = true;
    a->out->placed[i].revised = (opa_span){a->text.size, a->text.size};
    add_both(a, (opa_span){begin, end}, OPA_TEXT(""), (int)i, false);
}

/* Keep separator @p keep of what is pending and remove the rest (all of it when keep is SIZE_MAX): a removed sentence
 * takes the white space before it along when that stands before the one kept, else the one behind it. */
static void settle(opa_aligning *a, pending *p, size_t keep)
{
    for (size_t k = 0; k < p->count && (k < keep); k++)
        add_removed(a, p->removed[k], p->separators[k].begin, p->separators[k + 1].begin);
    if (keep == SIZE_MAX) {
        if (p->count) /* the last one also takes the text's tail */
            a->blocks[a->block_count - 1].generated.end = p->separators[p->count].end;
        else
            add_both(a, p->separators[0], OPA_TEXT(""), -1, false);
    } else {
        const opa_span s = p->separators[keep];
        add_both(a, s, (opa_text){a->generated.data + s.begin, s.end - s.begin}, -1, false);
        for (size_t k = keep; k < p->count; k++)
            add_removed(a, p->removed[k], p->separators[k].end, p->separators[k + 1].end);
    }
    p->count = 0;
}

/* Put in text that the response has not; returns where it stands. */
static opa_span put_in(opa_aligning *a, pending *p, size_t at, opa_text text, size_t i, bool glue)
{
    const size_t begin = a->text.size;
    if (glue)
        opa_buffer_add_char(&a->text, ' ');
    const opa_span s = {a->text.size, a->text.size + text.size};
    opa_buffer_add_text(&a->text, text);
    opa_aligning_add_block(a, (opa_block){.generated = {at, at}, .revised = {begin, a->text.size}, .sentence = (int)i});
    a->out->placed[i].has_revised = true;
    a->out->placed[i].revised = s;
    p->emitted = true;
    return s;
}

/* The sentences without copied text that are reported behind sentence @p i (SIZE_MAX: at the start). */
static void put_in_behind(opa_aligning *a, pending *p, size_t i, size_t at)
{
    for (size_t k = i == SIZE_MAX ? 0 : i + 1; k < a->report->count; k++) {
        if (opa_aligning_is_inserted(a, k)) {
            const bool first = !p->emitted;
            put_in(a, p, at, opa_aligning_rewritten(a, k), k, !first);
            p->inserted = first ? (int)k : p->inserted;
        } else if (a->found[k].found && !a->found[k].overlap) {
            return;
        }
    }
}

/* Sentence @p i of the generated text: pending when it was removed, else it comes with the separator that survives. */
static void pass(opa_aligning *a, pending *p, size_t i, size_t next)
{
    const opa_span g = a->found[i].span;
    const opa_text text = opa_aligning_rewritten(a, i);
    if (text.size == 0) {
        p->removed[p->count++] = i;
        p->separators[p->count] = (opa_span){g.end, next};
        return;
    }
    settle(a, p, strongest(a, p));
    if (p->inserted >= 0) {
        const opa_span none = {g.begin, g.begin};
        const size_t n = a->text.size;
        if (n && !opa_text_blank((opa_text){a->text.data + n - 1, 1}))
            add_both(a, none, OPA_TEXT(" "), p->inserted, false);
        p->inserted = -1;
    }
    a->out->placed[i].has_revised = true;
    a->out->placed[i].revised = (opa_span){a->text.size, a->text.size + text.size};
    add_both(a, g, text, (int)i, true);
    p->emitted = true;
    p->separators[0] = (opa_span){g.end, next};
}

/* The end: Added behind all, then the text's own tail. */
static void finish(opa_aligning *a, pending *p)
{
    const bool removed_all = a->order_count > 0 && !p->emitted;
    const size_t last = p->count;
    const opa_span tail = p->separators[last];
    if (removed_all) {
        settle(a, p, SIZE_MAX);
    } else {
        /* All but the tail, which is the last separator and stays where it is. */
        for (size_t k = 0; k < last; k++)
            add_removed(a, p->removed[k], p->separators[k].begin, p->separators[k + 1].begin);
        p->count = 0;
    }
    const size_t at = removed_all ? a->generated.size : tail.begin;
    for (size_t i = 0; i < a->report->count; i++) {
        const opa_text text = opa_aligning_rewritten(a, i);
        if (a->report->sentences[i].added && text.size)
            put_in(a, p, at, text, i, p->emitted);
    }
    if (!removed_all)
        add_both(a, tail, (opa_text){a->generated.data + tail.begin, tail.end - tail.begin}, -1, false);
}

void opa_splice(opa_aligning *a)
{
    const size_t n = a->order_count;
    pending p = {.inserted = -1};
    p.separators = opa_arena_array(a->scratch, n + 1, sizeof *p.separators);
    p.removed = opa_arena_array(a->scratch, n + 1, sizeof *p.removed);
    if (!p.separators || !p.removed) {
        a->failed = true;
        return;
    }
    const size_t first = n ? a->found[a->order[0]].span.begin : a->generated.size;
    p.separators[0] = (opa_span){0, first};
    bool leading = false;
    for (size_t k = 0; k < a->report->count && !leading && !(a->found[k].found && !a->found[k].overlap); k++)
        leading = opa_aligning_is_inserted(a, k);
    if (leading) {
        settle(a, &p, 0);
        p.separators[0] = (opa_span){first, first};
        put_in_behind(a, &p, SIZE_MAX, first);
    }
    for (size_t k = 0; k < n && !a->failed; k++) {
        const size_t i = a->order[k];
        const size_t next = k + 1 < n ? a->found[a->order[k + 1]].span.begin : a->generated.size;
        pass(a, &p, i, next);
        if (a->inserted) {
            /* Before what is pending on the generated side, so right behind the text that is there. */
            const opa_span g = p.separators[0];
            put_in_behind(a, &p, i, g.begin);
        }
    }
    finish(a, &p);
    a->failed |= a->text.failed;
    a->out->revised = opa_arena_text(a->memory, opa_buffer_text(&a->text));
    a->failed |= !a->out->revised.data;
    a->out->spliced = true;
}
