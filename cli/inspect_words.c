/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect_words.h"

#include <string.h>

#include "edit_out.h"

enum side { BOTH, GENERATED, REVISED };

static const char between[] = " | ";
enum { BETWEEN = sizeof between - 1 };

static opa_text part(opa_text text, opa_span span)
{
    return (opa_text){text.data + span.begin, span.end - span.begin};
}

static void put_hunk(struct wrap *w, const struct words *words, const opa_hunk *h, enum side side)
{
    if (h->op == OPA_KEEP) {
        /* Equal bytes on both sides. */
        wrap_text(w, part(words->generated, h->generated), STYLE_PLAIN);
        return;
    }
    const opa_text none = OPA_TEXT("");
    wrap_edit(w, side != REVISED ? part(words->generated, h->generated) : none,
              side != GENERATED ? part(words->revised, h->revised) : none);
}

static void put_side(struct wrap *w, const struct words *words, enum side side)
{
    for (size_t i = 0; i < words->count; i++) {
        const opa_hunk *h = &words->hunks[i];
        if ((words->sentence == ALL_SENTENCES || words->sentence == h->sentence) &&
            (h->op != OPA_KEEP || !words->edits_only))
            put_hunk(w, words, h, side);
    }
    wrap_end(w);
}

static size_t cell_of(const struct words_style *style)
{
    return (style->columns - style->indent - BETWEEN) / 2;
}

static void put_pair(struct sheet *out, const struct sheet *left, const struct sheet *right, size_t line, size_t cell)
{
    size_t columns = 0, most = 0, other, other_most = 0;
    if (line < left->line_count) {
        sheet_line_width(&columns, &most, left, line);
        sheet_copy_line(out, left, line);
    }
    if (line < right->line_count)
        sheet_line_width(&other, &other_most, right, line);
    /* Where a terminal takes more columns than others for an emoji, the bar stands to the left rather than the line
     * running over. */
    const size_t room = 2 * cell - most - other_most, fill = cell - columns;
    sheet_spaces(out, fill < room ? fill : room, STYLE_PLAIN);
    sheet_string(out, line < right->line_count ? between : " |", STYLE_DIM);
    if (line < right->line_count)
        sheet_copy_line(out, right, line);
    sheet_end_line(out);
}

static void put_wide(struct sheet *out, const struct words *words, const struct words_style *style)
{
    const size_t cell = cell_of(style);
    struct sheet sides[2] = {{0}, {0}};
    for (int side = 0; side < 2; side++) {
        struct wrap w = {.sheet = &sides[side], .columns = cell};
        put_side(&w, words, side ? REVISED : GENERATED);
        out->failed = out->failed || sides[side].failed;
    }
    for (size_t i = 0; !out->failed && (i < sides[0].line_count || i < sides[1].line_count); i++) {
        sheet_spaces(out, style->indent, STYLE_PLAIN);
        put_pair(out, &sides[0], &sides[1], i, cell);
    }
    sheet_release(&sides[0]);
    sheet_release(&sides[1]);
}

void words_put(struct sheet *out, const struct words *words, const struct words_style *style)
{
    if (style->wide) {
        put_wide(out, words, style);
        return;
    }
    struct wrap w = {.sheet = out, .indent = style->indent, .columns = style->columns};
    put_side(&w, words, BOTH);
}

void words_titles(struct sheet *out, const struct words_style *style)
{
    sheet_spaces(out, style->indent, STYLE_PLAIN);
    sheet_cell(out, OPA_TEXT("generated"), cell_of(style), STYLE_DIM);
    sheet_string(out, between, STYLE_DIM);
    sheet_string(out, "revised", STYLE_DIM);
    sheet_end_line(out);
}
