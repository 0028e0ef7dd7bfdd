/* SPDX-License-Identifier: Apache-2.0 */
#include "edit_out.h"

#include <stdlib.h>

struct words_options words_options_for(const struct cli *cli, size_t columns)
{
    return (struct words_options){.ctx = cli->ctx, .context = columns < 80 ? 20 : 36};
}

static opa_text part(opa_text text, opa_span span)
{
    return (opa_text){text.data + span.begin, span.end - span.begin};
}

/* Spaces at the ends separate it from what is beside it; marks around them would be harder to read. */
static void put_edit(struct wrap *w, opa_text text, enum style style, const char *open, const char *close)
{
    size_t behind = 0;
    while (text.size > 1 && text.data[0] == ' ') {
        wrap_text(w, OPA_TEXT(" "), STYLE_PLAIN);
        text = (opa_text){text.data + 1, text.size - 1};
    }
    for (; text.size > 1 && text.data[text.size - 1] == ' '; behind++)
        text.size--;
    if (text.size == 0)
        return;
    wrap_string(w, open, style);
    wrap_text(w, text, style);
    wrap_string(w, close, style);
    while (behind-- > 0)
        wrap_text(w, OPA_TEXT(" "), STYLE_PLAIN);
}

void wrap_edit(struct wrap *w, opa_text old, opa_text new)
{
    put_edit(w, old, STYLE_DELETED, "[-", "-]");
    put_edit(w, new, STYLE_INSERTED, "{+", "+}");
}

/* ---- what is not changed ---- */

/* Bytes of the longest beginning of whole words that is at most so wide; of one whole word at least. */
static size_t beginning(opa_text text, size_t columns)
{
    struct glyph before = {.code = -1}, g;
    size_t used = 0, word = 0, n;
    for (size_t i = 0; i < text.size; i += n) {
        n = glyph_next(&g, text.data + i, text.size - i);
        const bool border = i > 0 && (g.code == ' ' || g.code == '\n' || glyph_may_break(&before, &g));
        if (border && before.code != ' ')
            word = i;
        if (used + g.most > columns && word > 0)
            return word;
        used += g.most;
        before = g;
    }
    return text.size;
}

/* Where the end of whole words begins that is at most so wide. */
static size_t ending(opa_text text, size_t columns)
{
    struct glyph before = {.code = -1}, g;
    size_t left = text_width(text), n, word = text.size;
    for (size_t i = 0; i < text.size; i += n) {
        n = glyph_next(&g, text.data + i, text.size - i);
        const bool border = before.code == ' ' || before.code == '\n' || (i > 0 && glyph_may_break(&before, &g));
        if (border && g.code != ' ') {
            word = i;
            if (left <= columns)
                return word;
        }
        left -= g.most < left ? g.most : left;
        before = g;
    }
    return word;
}

/* Only its ends, where that saves something. */
static void put_kept(struct wrap *w, opa_text text, size_t context, bool first, bool last)
{
    enum { WORTH = 8 }; /* columns */
    const size_t sides = (size_t)!first + (size_t)!last;
    if (context == 0 || text.size <= sides * context + WORTH || text_width(text) <= sides * context + WORTH) {
        wrap_text(w, text, STYLE_PLAIN);
        return;
    }
    const size_t head = first ? 0 : beginning(text, context);
    const size_t tail = last ? text.size : ending(text, context);
    if (head >= tail) {
        wrap_text(w, text, STYLE_PLAIN);
        return;
    }
    wrap_text(w, (opa_text){text.data, head}, STYLE_PLAIN);
    wrap_string(w, first ? "… " : last ? " …" : " … ", STYLE_DIM);
    wrap_text(w, (opa_text){text.data + tail, text.size - tail}, STYLE_PLAIN);
}

/* ---- all of it ---- */

static opa_text present(opa_text text)
{
    return text.data ? text : OPA_TEXT("");
}

/* Two neighbouring edits in one, with what is kept between them. */
struct stretch {
    opa_span old, new;
};

static size_t larger(const struct stretch *s)
{
    const size_t old = s->old.end - s->old.begin, new = s->new.end - s->new.begin;
    return old > new ? old : new;
}

/* The stretch that begins with edit @p *i, which becomes the last hunk of it. Where a text was written anew, the few
 * words that both happen to share are no help: what is kept goes into the edit when it is less than half as long as the
 * edits on either side. */
static struct stretch next_stretch(const opa_hunk *hunks, size_t count, size_t *i)
{
    struct stretch all = {hunks[*i].generated, hunks[*i].revised};
    for (size_t k = *i + 1; k < count; k++) {
        const size_t kept = hunks[k].op == OPA_KEEP ? hunks[k].generated.end - hunks[k].generated.begin : 0;
        const size_t edit = k + (hunks[k].op == OPA_KEEP);
        if (edit == count)
            break;
        const struct stretch next = {hunks[edit].generated, hunks[edit].revised};
        if (2 * kept > larger(&all) || 2 * kept > larger(&next))
            break;
        all.old.end = next.old.end;
        all.new.end = next.new.end;
        *i = k = edit;
    }
    return all;
}

int wrap_words(struct wrap *w, const struct words_options *o, opa_text old, opa_text new)
{
    opa_hunk *hunks;
    size_t count;
    old = present(old);
    new = present(new);
    const int status = opa_diff_words(o->ctx, &hunks, &count, old, new);
    if (status != OPA_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (hunks[i].op == OPA_KEEP) {
            put_kept(w, part(old, hunks[i].generated), o->context, i == 0, i == count - 1);
            continue;
        }
        const struct stretch s = next_stretch(hunks, count, &i);
        wrap_edit(w, part(old, s.old), part(new, s.new));
    }
    free(hunks);
    return OPA_OK;
}

int words_count(opa_context *ctx, opa_text old, opa_text new)
{
    opa_hunk *hunks;
    size_t count;
    int edits = 0;
    const int status = opa_diff_words(ctx, &hunks, &count, present(old), present(new));
    if (status != OPA_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        edits += hunks[i].op != OPA_KEEP;
    free(hunks);
    return edits;
}
