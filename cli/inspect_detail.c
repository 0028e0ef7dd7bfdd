/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect_detail.h"

#include <stdlib.h>

#include "inspect_words.h"

enum { INDENT = 5, LABEL = 15 };

/* What is passed along while one sample's page is made. */
struct detail {
    struct sheet *out;
    const struct detail_options *options;
    const struct view *view;
    int status;
};

static struct wrap begin_wrap(const struct detail *d, size_t indent)
{
    return (struct wrap){.sheet = d->out, .indent = indent, .columns = d->options->columns};
}

/* ---- the head ---- */

/* "     label     ", and a wrap that goes on behind it. */
static struct wrap begin_field(const struct detail *d, const char *label)
{
    struct wrap w = begin_wrap(d, LABEL);
    sheet_spaces(d->out, INDENT, STYLE_PLAIN);
    sheet_cell(d->out, text_of(label), LABEL - INDENT, STYLE_DIM);
    w.column = LABEL;
    return w;
}

static void put_field(const struct detail *d, const char *label, opa_text text, enum style style)
{
    struct wrap w = begin_field(d, label);
    wrap_text(&w, text, style);
    wrap_end(&w);
}

static void put_title(const struct detail *d)
{
    static const enum style STYLES[] = {
        [OPA_CERTIFICATE_NONE] = STYLE_PLAIN, [OPA_EXACT] = STYLE_GOOD,   [OPA_REPAIRED] = STYLE_PLAIN,
        [OPA_AMBIGUOUS] = STYLE_WARNING,      [OPA_BROKEN] = STYLE_ERROR,
    };
    const struct view *v = d->view;
    const char *certificate = opa_certificate_name(v->certificate);
    struct wrap w = begin_wrap(d, 0);
    wrap_text(&w, v->sample.id, STYLE_BOLD);
    wrap_string(&w, "  ", STYLE_PLAIN);
    wrap_string(&w, certificate ? certificate : "no report", STYLES[v->certificate]);
    wrap_string(&w, v->edited ? "  edited" : "  unedited", STYLE_PLAIN);
    if (v->sample.excluded)
        wrap_string(&w, "  excluded", STYLE_WARNING);
    else if (v->left_out)
        wrap_string(&w, "  left out", STYLE_WARNING);
    wrap_end(&w);
}

static void put_tokens(const struct detail *d, const struct hunk_tokens *t)
{
    struct wrap w = begin_field(d, "tokens");
    wrap_printf(&w, STYLE_PLAIN, "%lld kept, %lld deleted, %lld inserted (%s): %.1f %% edited", (long long)t->kept,
                (long long)t->deleted, (long long)t->inserted, d->options->token_kind, 100 * edit_share(t));
    wrap_end(&w);
}

/* "accepted by anna, 2026-11-25T18:24:03Z" */
static void put_review(const struct detail *d)
{
    const opa_sample *s = &d->view->sample;
    if (s->review == OPA_REVIEW_NONE)
        return;
    struct wrap w = begin_field(d, "review");
    wrap_string(&w, opa_review_name(s->review), STYLE_PLAIN);
    if (s->reviewed_by.data != NULL) {
        wrap_string(&w, " by ", STYLE_PLAIN);
        wrap_text(&w, s->reviewed_by, STYLE_PLAIN);
    }
    if (s->reviewed_at.data != NULL) {
        wrap_string(&w, ", ", STYLE_PLAIN);
        wrap_text(&w, s->reviewed_at, STYLE_PLAIN);
    }
    wrap_end(&w);
}

/* Two pixels a cell, one above the other. */
static void put_picture(const struct detail *d, const opa_image *image)
{
    static const uint8_t black[3] = {0};
    for (uint32_t y = 0; y < image->height; y += 2) {
        const uint8_t *upper = image->rgb + (size_t)y * image->width * 3, *lower = upper + (size_t)image->width * 3;
        sheet_spaces(d->out, LABEL, STYLE_PLAIN);
        for (size_t x = 0; x < image->width; x++)
            sheet_pixels(d->out, upper + 3 * x, y + 1 < image->height ? lower + 3 * x : black);
        sheet_end_line(d->out);
    }
}

static void put_head(const struct detail *d, const struct hunk_tokens *tokens)
{
    const opa_sample *s = &d->view->sample;
    put_title(d);
    struct wrap w = begin_field(d, "source");
    wrap_text(&w, s->source_file.data ? s->source_file : OPA_TEXT("-"), STYLE_PLAIN);
    wrap_printf(&w, STYLE_PLAIN, ", record %lld", (long long)s->source_record);
    wrap_end(&w);
    if (s->has_image) {
        w = begin_field(d, "image");
        wrap_printf(&w, STYLE_PLAIN, "%s, %u x %u", opa_image_format_name(s->image_format), s->image_width,
                    s->image_height);
        wrap_end(&w);
        if (d->options->picture != NULL)
            put_picture(d, d->options->picture);
    }
    put_field(d, "prompt", s->prompt, STYLE_PLAIN);
    if (d->view->assessment.alignment.hunk_count > 0)
        put_tokens(d, tokens);
    put_review(d);
    sheet_end_line(d->out);
}

/* ---- the words ---- */

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

static opa_text part(opa_text text, opa_span span)
{
    return (opa_text){text.data + span.begin, span.end - span.begin};
}

static void put_words(const struct detail *d, struct words words)
{
    const struct words_style style = {.indent = INDENT, .columns = d->options->columns, .wide = d->options->wide};
    words_put(d->out, &words, &style);
}

/* ---- the sentences ---- */

static enum style score_style(int score)
{
    return score == 4 ? STYLE_GOOD : score == 3 ? STYLE_WARNING : score > 0 ? STYLE_ERROR : STYLE_DIM;
}

/* "placed: repaired", "moved". That an exact place is exact goes without saying where all are. */
static void put_placement(const struct view *v, struct wrap *w, size_t i)
{
    const opa_alignment *a = &v->assessment.alignment;
    if (i >= a->placed_count)
        return;
    const opa_placement placement = a->placed[i].placement;
    const char *name = opa_placement_name(placement);
    if (name != NULL && (placement != OPA_PLACED_EXACT || v->certificate != OPA_EXACT))
        wrap_printf(w, placement == OPA_PLACED_EXACT ? STYLE_DIM : STYLE_WARNING, "  placed: %s", name);
    if (a->placed[i].moved)
        wrap_string(w, "  moved", STYLE_WARNING);
}

/* "  3  score 1  image_recognition_error  moved  umbrella -> towel" */
static void put_sentence_head(const struct detail *d, size_t i)
{
    const opa_sentence *s = &d->view->assessment.report.sentences[i];
    struct wrap w = begin_wrap(d, INDENT);
    sheet_cell(d->out, s->added ? OPA_TEXT("+") : s->key.data ? s->key : OPA_TEXT("-"), INDENT - 1, STYLE_BOLD);
    sheet_spaces(d->out, 1, STYLE_PLAIN);
    w.column = INDENT;
    if (s->added)
        wrap_string(&w, "added by the expert", STYLE_INSERTED);
    else if (s->score > 0)
        wrap_printf(&w, score_style(s->score), "score %d", s->score);
    else
        wrap_string(&w, "no score", STYLE_DIM);
    if (s->error_type != OPA_ERROR_TYPE_NONE)
        wrap_printf(&w, STYLE_PLAIN, "  %s", opa_error_type_name(s->error_type));
    put_placement(d->view, &w, i);
    for (size_t k = 0; k < s->object_count; k++) {
        wrap_string(&w, k == 0 ? "  " : ", ", STYLE_PLAIN);
        wrap_text(&w, s->objects[k], STYLE_PLAIN);
    }
    wrap_end(&w);
}

/* A sentence without a place in the response, or in a response without a revised text: what the expert wrote. */
static void put_unplaced(struct detail *d, const opa_sentence *s)
{
    const opa_text copied = s->copied.data && !s->added ? s->copied : OPA_TEXT("");
    const opa_text rewritten = s->rewritten.data ? s->rewritten : copied;
    opa_hunk *hunks;
    size_t count;
    const int status = opa_diff_words(d->options->ctx, &hunks, &count, copied, rewritten);
    if (status != OPA_OK) {
        d->status = status;
        return;
    }
    put_words(d, (struct words){copied, rewritten, hunks, count, ALL_SENTENCES, false});
    free(hunks);
}

static void put_sentence(struct detail *d, const struct ranges *r, size_t i)
{
    const struct view *v = d->view;
    const opa_sentence *s = &v->assessment.report.sentences[i];
    const opa_alignment *a = &v->assessment.alignment;
    sheet_mark(d->out, MARK_SENTENCE, i);
    put_sentence_head(d, i);
    if (r->last[i] > r->first[i])
        put_words(d, (struct words){v->sample.generated, a->revised, a->hunks + r->first[i], r->last[i] - r->first[i],
                                    (int)i, false});
    else
        put_unplaced(d, s);
    if (s->reason.size > 0)
        put_field(d, "why", s->reason, STYLE_DIM);
}

static void put_sentences(struct detail *d)
{
    struct ranges r = {NULL, NULL};
    if (!find_ranges(&r, d->view))
        d->status = OPA_ENOMEM;
    for (size_t i = 0; i < d->view->assessment.report.count && d->status == OPA_OK; i++)
        put_sentence(d, &r, i);
    free(r.first);
    free(r.last);
}

/* ---- what is in no sentence ---- */

/* Edits that belong to no sentence; everything, where there is no report. */
static void put_rest(const struct detail *d)
{
    const struct view *v = d->view;
    const opa_alignment *a = &v->assessment.alignment;
    const bool whole = v->assessment.report.count == 0;
    bool any = whole;
    for (size_t i = 0; i < a->hunk_count && !any; i++)
        any = a->hunks[i].sentence < 0 && a->hunks[i].op != OPA_KEEP;
    if (!any)
        return;
    sheet_mark(d->out, MARK_REST, 0);
    struct wrap w = begin_wrap(d, INDENT);
    wrap_string(&w, whole ? "response" : "outside the sentences", STYLE_BOLD);
    wrap_end(&w);
    if (a->hunk_count == 0) {
        wrap_text(&w, v->sample.generated, STYLE_PLAIN);
        wrap_end(&w);
    }
    put_words(d, (struct words){v->sample.generated, a->revised, a->hunks, a->hunk_count, -1, !whole});
}

static void put_spans(const struct detail *d, const char *label, const opa_span *spans, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_field(d, label, part(d->view->sample.generated, spans[i]), STYLE_WARNING);
}

static void put_findings(const struct detail *d)
{
    static const enum style STYLES[] = {
        [OPA_INFO] = STYLE_DIM, [OPA_WARNING] = STYLE_WARNING, [OPA_ERROR] = STYLE_ERROR};
    const opa_findings *findings = &d->view->findings;
    for (size_t i = 0; i < findings->count; i++) {
        const opa_finding *f = &findings->items[i];
        char code[16];
        struct wrap w = begin_wrap(d, LABEL);
        sheet_mark(d->out, MARK_FINDING, i);
        sheet_spaces(d->out, INDENT, STYLE_PLAIN);
        w.column = INDENT;
        wrap_printf(&w, STYLES[code_severity(f->code)], "%s %s", code_text(code, f->code), code_name(f->code));
        wrap_string(&w, ": ", STYLE_PLAIN);
        if (f->field != NULL) {
            wrap_string(&w, f->field, STYLE_PLAIN);
            wrap_string(&w, ": ", STYLE_PLAIN);
        }
        wrap_string(&w, f->message ? f->message : "", STYLE_PLAIN);
        wrap_end(&w);
    }
}

int inspect_detail(struct sheet *out, const struct detail_options *options, const struct view *v,
                   const struct hunk_tokens *tokens)
{
    const opa_alignment *a = &v->assessment.alignment;
    struct detail d = {.out = out, .options = options, .view = v};
    put_head(&d, tokens);
    if (options->wide)
        words_titles(out, &(struct words_style){.indent = INDENT, .columns = options->columns});
    put_sentences(&d);
    put_rest(&d);
    put_spans(&d, "uncovered", a->gaps, a->gap_count);
    put_spans(&d, "twice", a->overlaps, a->overlap_count);
    put_findings(&d);
    if (v->sample.ground_truth.data != NULL)
        put_field(&d, "truth", v->sample.ground_truth, STYLE_PLAIN);
    return out->failed ? OPA_ENOMEM : d.status;
}
