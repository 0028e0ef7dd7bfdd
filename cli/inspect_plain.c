/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect_plain.h"

#include <stdlib.h>
#include <string.h>

#include "term.h"

enum { INDENT = 5, LABEL = 15 };

/* Hunks first[i] .. last[i]-1 hold all of sentence i, perhaps with others between them. */
struct ranges {
    size_t *first, *last;
};

static bool find_ranges(struct ranges *r, const struct view *v)
{
    const opa_alignment *a = &v->assessment.alignment;
    const size_t count = v->assessment.report.count;
    r->first = calloc(count + 1, sizeof *r->first);
    r->last = calloc(count + 1, sizeof *r->last);
    if (r->first == NULL || r->last == NULL)
        return false;
    for (size_t i = 0; i < a->hunk_count; i++) {
        const int s = a->hunks[i].sentence;
        if (s < 0 || (size_t)s >= count)
            continue;
        if (r->last[s] == 0)
            r->first[s] = i;
        r->last[s] = i + 1;
    }
    return true;
}

/* With colours the style says what was done; without them the marks do. */
static void put_edit(struct wrap *w, opa_text text, enum style style, const char *open, const char *close)
{
    /* Spaces in front separate it from what comes before; marks around them would be harder to read. */
    while (text.size > 1 && text.data[0] == ' ') {
        wrap_text(w, OPA_TEXT(" "), STYLE_PLAIN);
        text = (opa_text){text.data + 1, text.size - 1};
    }
    if (text.size == 0)
        return;
    if (!w->cli->color_out)
        wrap_string(w, open, style);
    wrap_text(w, text, style);
    if (!w->cli->color_out)
        wrap_string(w, close, style);
}

static void put_hunk(struct wrap *w, const opa_hunk *h, opa_text generated, opa_text revised)
{
    const opa_text old = {generated.data + h->generated.begin, h->generated.end - h->generated.begin};
    const opa_text new = {revised.data + h->revised.begin, h->revised.end - h->revised.begin};
    if (h->op == OPA_KEEP) {
        wrap_text(w, old, STYLE_PLAIN);
        return;
    }
    put_edit(w, old, STYLE_DELETED, "[-", "-]");
    put_edit(w, new, STYLE_INSERTED, "{+", "+}");
}

static void put_label(struct cli *cli, const char *label)
{
    out_printf(cli, "%*s%s%-*s%s", INDENT, "", style_begin(cli, STYLE_DIM), LABEL - INDENT, label,
               style_end(cli, STYLE_DIM));
}

/* A line "label   text", wrapped under the text. */
static void put_field(struct cli *cli, const char *label, opa_text text, enum style style)
{
    put_label(cli, label);
    struct wrap w = {.cli = cli, .indent = LABEL, .columns = term_columns(), .column = LABEL};
    wrap_text(&w, text, style);
    wrap_end(&w);
}

static void put_head(struct cli *cli, const struct view *v, const struct hunk_tokens *t, const char *token_kind)
{
    const opa_sample *s = &v->sample;
    const char *certificate = opa_certificate_name(v->certificate);
    const enum style style = v->certificate == OPA_EXACT      ? STYLE_GOOD
                             : v->certificate == OPA_REPAIRED ? STYLE_PLAIN
                             : v->certificate == OPA_BROKEN   ? STYLE_ERROR
                                                              : STYLE_WARNING;
    out_printf(cli, "%s", style_begin(cli, STYLE_BOLD));
    out_visible(cli, s->id, 0);
    out_printf(cli, "%s  %s%s%s%s%s\n", style_end(cli, STYLE_BOLD), style_begin(cli, style),
               certificate ? certificate : "no report", style_end(cli, style), v->edited ? "  edited" : "",
               s->excluded ? "  excluded" : "");
    put_label(cli, "source");
    out_visible(cli, s->source_file.data ? s->source_file : OPA_TEXT("-"), 0);
    out_printf(cli, ", record %lld\n", (long long)s->source_record);
    if (s->has_image) {
        put_label(cli, "image");
        out_printf(cli, "%s, %u x %u\n", opa_image_format_name(s->image_format), s->image_width, s->image_height);
    }
    put_field(cli, "prompt", s->prompt, STYLE_PLAIN);
    if (v->assessment.alignment.hunk_count > 0) {
        put_label(cli, "tokens");
        out_printf(cli, "%lld kept, %lld deleted, %lld inserted (%s)\n", (long long)t->kept, (long long)t->deleted,
                   (long long)t->inserted, token_kind);
    }
}

static enum style score_style(int score)
{
    return score == 4 ? STYLE_GOOD : score == 3 ? STYLE_WARNING : score > 0 ? STYLE_ERROR : STYLE_DIM;
}

/* "  3  score 1  image_recognition_error  moved  umbrella -> towel" */
static void put_sentence_head(struct cli *cli, const struct view *v, size_t i)
{
    const opa_sentence *s = &v->assessment.report.sentences[i];
    const opa_alignment *a = &v->assessment.alignment;
    const enum style style = score_style(s->score);
    out_printf(cli, "%s", style_begin(cli, STYLE_BOLD));
    if (s->added)
        out_printf(cli, "  + ");
    else
        out_cell(cli, s->key.data ? s->key : OPA_TEXT("-"), 4);
    out_printf(cli, "%s ", style_end(cli, STYLE_BOLD));
    if (s->added)
        out_printf(cli, "%sadded by the expert%s", style_begin(cli, STYLE_INSERTED), style_end(cli, STYLE_INSERTED));
    else if (s->score > 0)
        out_printf(cli, "%sscore %d%s", style_begin(cli, style), s->score, style_end(cli, style));
    else
        out_printf(cli, "%sno score%s", style_begin(cli, style), style_end(cli, style));
    if (s->error_type != OPA_ERROR_TYPE_NONE)
        out_printf(cli, "  %s", opa_error_type_name(s->error_type));
    if (i < a->placed_count) {
        const char *placed = opa_placement_name(a->placed[i].placement);
        if (placed != NULL && a->placed[i].placement != OPA_PLACED_EXACT)
            out_printf(cli, "  %splaced: %s%s", style_begin(cli, STYLE_WARNING), placed, style_end(cli, STYLE_WARNING));
        if (a->placed[i].moved)
            out_printf(cli, "  %smoved%s", style_begin(cli, STYLE_WARNING), style_end(cli, STYLE_WARNING));
    }
    for (size_t k = 0; k < s->object_count; k++) {
        out_printf(cli, "%s", k == 0 ? "  " : ", ");
        out_visible(cli, s->objects[k], 0);
    }
    out_printf(cli, "\n");
}

/* A sentence without a place in the response, or in a response without a revised text: what the expert wrote. */
static void put_unplaced(struct wrap *w, const opa_sentence *s)
{
    const opa_text copied = s->copied.data && !s->added ? s->copied : OPA_TEXT("");
    const opa_text rewritten = s->rewritten.data ? s->rewritten : copied;
    opa_hunk *hunks;
    size_t count;
    if (opa_diff_words(w->cli->ctx, &hunks, &count, copied, rewritten) != OPA_OK)
        return;
    for (size_t i = 0; i < count; i++)
        put_hunk(w, &hunks[i], copied, rewritten);
    free(hunks);
}

static void put_sentence(struct cli *cli, const struct view *v, const struct ranges *r, size_t i)
{
    const opa_sentence *s = &v->assessment.report.sentences[i];
    const opa_alignment *a = &v->assessment.alignment;
    struct wrap w = {.cli = cli, .indent = INDENT, .columns = term_columns()};
    put_sentence_head(cli, v, i);
    if (r->last[i] > r->first[i]) {
        for (size_t k = r->first[i]; k < r->last[i]; k++) {
            if (a->hunks[k].sentence == (int)i)
                put_hunk(&w, &a->hunks[k], v->sample.generated, a->revised);
        }
    } else {
        put_unplaced(&w, s);
    }
    wrap_end(&w);
    if (s->reason.size > 0)
        put_field(cli, "why", s->reason, STYLE_DIM);
}

static void put_spans(struct cli *cli, const char *label, opa_text text, const opa_span *spans, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_field(cli, label, (opa_text){text.data + spans[i].begin, spans[i].end - spans[i].begin}, STYLE_WARNING);
}

/* Edits that belong to no sentence; everything, where there is no report. */
static void put_rest(struct cli *cli, const struct view *v)
{
    const opa_alignment *a = &v->assessment.alignment;
    const bool whole = v->assessment.report.count == 0;
    bool any = whole;
    for (size_t i = 0; i < a->hunk_count && !any; i++)
        any = a->hunks[i].sentence < 0 && a->hunks[i].op != OPA_KEEP;
    if (!any)
        return;
    out_printf(cli, "%s     %s%s\n", style_begin(cli, STYLE_BOLD), whole ? "response" : "outside the sentences",
               style_end(cli, STYLE_BOLD));
    struct wrap w = {.cli = cli, .indent = INDENT, .columns = term_columns()};
    if (a->hunk_count == 0)
        wrap_text(&w, v->sample.generated, STYLE_PLAIN);
    for (size_t i = 0; i < a->hunk_count; i++) {
        if (a->hunks[i].sentence < 0 && (whole || a->hunks[i].op != OPA_KEEP))
            put_hunk(&w, &a->hunks[i], v->sample.generated, a->revised);
    }
    wrap_end(&w);
}

static void put_findings(struct cli *cli, const struct view *v)
{
    for (size_t i = 0; i < v->findings.count; i++) {
        const opa_finding *f = &v->findings.items[i];
        char code[16];
        const opa_severity severity = code_severity(f->code);
        const enum style style = severity == OPA_ERROR     ? STYLE_ERROR
                                 : severity == OPA_WARNING ? STYLE_WARNING
                                                           : STYLE_DIM;
        out_printf(cli, "     %s%s %s%s: ", style_begin(cli, style), code_text(code, f->code), code_name(f->code),
                   style_end(cli, style));
        struct wrap w = {.cli = cli, .indent = LABEL, .columns = term_columns(), .column = LABEL + 8};
        if (f->field != NULL) {
            wrap_string(&w, f->field, STYLE_PLAIN);
            wrap_string(&w, ": ", STYLE_PLAIN);
        }
        wrap_string(&w, f->message ? f->message : "", STYLE_PLAIN);
        wrap_end(&w);
    }
}

void inspect_plain(struct cli *cli, const struct view *v, const struct hunk_tokens *tokens, const char *token_kind)
{
    const opa_alignment *a = &v->assessment.alignment;
    struct ranges r = {NULL, NULL};
    put_head(cli, v, tokens, token_kind);
    out_printf(cli, "\n");
    if (find_ranges(&r, v)) {
        for (size_t i = 0; i < v->assessment.report.count && out_alive(cli); i++)
            put_sentence(cli, v, &r, i);
    }
    free(r.first);
    free(r.last);
    put_rest(cli, v);
    put_spans(cli, "uncovered", v->sample.generated, a->gaps, a->gap_count);
    put_spans(cli, "twice", v->sample.generated, a->overlaps, a->overlap_count);
    if (v->sample.ground_truth.data != NULL)
        put_field(cli, "truth", v->sample.ground_truth, STYLE_PLAIN);
    put_findings(cli, v);
    out_printf(cli, "\n");
}
