/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "diff_out.h"

enum { INDENT = 2, LABEL = 15, NARROW = 64 };

/* One page in the making. */
struct page {
    struct sheet *out;
    const struct words_options *words;
    size_t columns;
    const struct difference *difference;
    int status;
};

void wrap_kinds(struct wrap *w, unsigned kinds)
{
    const char *before = "";
    for (int k = 0; k < KIND_COUNT; k++) {
        if (kinds >> k & 1) {
            wrap_printf(w, STYLE_PLAIN, "%s%s", before, KIND_LABELS[k]);
            before = ", ";
        }
    }
}

/* Below the label where lines are short. */
struct wrap detail_field(struct sheet *out, const char *label, size_t columns)
{
    const bool narrow = columns < NARROW;
    struct wrap w = {.sheet = out, .indent = narrow ? 2 * INDENT : LABEL, .columns = columns};
    sheet_spaces(out, INDENT, STYLE_PLAIN);
    if (narrow) {
        sheet_visible(out, text_of(label), 0, STYLE_DIM);
        sheet_end_line(out);
    } else {
        sheet_cell(out, text_of(label), LABEL - INDENT - 1, STYLE_DIM);
        sheet_spaces(out, 1, STYLE_PLAIN);
        w.column = LABEL;
    }
    return w;
}

static struct wrap begin_field(const struct page *p, const char *label)
{
    return detail_field(p->out, label, p->columns);
}

static void put_words(struct page *p, const char *label, opa_text old, opa_text new)
{
    struct wrap w = begin_field(p, label);
    const int status = wrap_words(&w, p->words, old, new);
    wrap_end(&w);
    if (status != OPA_OK)
        p->status = status;
}

/* ---- the report ---- */

static const char *error_type(const opa_sentence *s)
{
    return s->error_type == OPA_ERROR_TYPE_NONE ? "no error type" : opa_error_type_name(s->error_type);
}

static void put_score(struct wrap *w, int score)
{
    if (score > 0)
        wrap_printf(w, STYLE_BOLD, "%d", score);
    else
        wrap_string(w, "none", STYLE_BOLD);
}

/* "other rewriting, reason" */
static void put_names(struct wrap *w, unsigned fields)
{
    static const char *const NAMES[SENTENCE_FIELD_COUNT] = {"score",       "error type", "object",
                                                            "copied text", "rewriting",  "reason"};
    const char *before = "other ";
    for (int f = 0; f < SENTENCE_FIELD_COUNT; f++) {
        if (fields >> f & 1) {
            wrap_printf(w, STYLE_DIM, "%s%s", before, NAMES[f]);
            before = ", ";
        }
    }
}

/* "score 4 -> 2, correct -> image_recognition_error" */
static void put_judgement(struct wrap *w, const struct sentence_change *c)
{
    const char *comma = "";
    if (c->fields >> SENTENCE_SCORE & 1) {
        wrap_string(w, "score ", STYLE_PLAIN);
        put_score(w, c->old->score);
        wrap_string(w, " -> ", STYLE_PLAIN);
        put_score(w, c->new->score);
        comma = ", ";
    }
    if (c->fields >> SENTENCE_ERROR_TYPE & 1)
        wrap_printf(w, STYLE_PLAIN, "%s%s -> %s", comma, error_type(c->old), error_type(c->new));
}

static void put_missing(struct wrap *w, const struct sentence_change *c)
{
    const opa_sentence *s = c->new ? c->new : c->old;
    wrap_string(w, c->new ? "new in the report" : "gone from the report", c->new ? STYLE_INSERTED : STYLE_WARNING);
    if (s->score > 0)
        wrap_printf(w, STYLE_PLAIN, ": score %d, %s", s->score, error_type(s));
}

static char *joined_objects(const opa_sentence *s)
{
    size_t size = 1;
    for (size_t i = 0; i < s->object_count; i++)
        size += s->objects[i].size + 2;
    char *out = malloc(size), *to = out;
    for (size_t i = 0; out != NULL && i < s->object_count; i++) {
        if (i > 0)
            to = (char *)memcpy(to, ", ", 2) + 2;
        memcpy(to, s->objects[i].data, s->objects[i].size);
        to += s->objects[i].size;
    }
    if (out != NULL)
        *to = '\0';
    return out;
}

static void put_objects(struct page *p, const struct sentence_change *c)
{
    char *old = joined_objects(c->old), *new = joined_objects(c->new);
    if (old != NULL && new != NULL)
        put_words(p, "  object", text_of(old), text_of(new));
    else
        p->status = OPA_ENOMEM;
    free(old);
    free(new);
}

/* A sentence's rewriting is shown where it is not in the revised text already. */
static void put_sentence(struct page *p, const struct sentence_change *c)
{
    const opa_sentence *s = c->new ? c->new : c->old;
    const bool revised = p->difference->fields >> FIELD_REVISED & 1;
    if (revised && c->fields == 1u << SENTENCE_REWRITTEN)
        return;
    char label[32] = "Added"; /* its key is cut to the label's columns anyway */
    if (!s->added)
        snprintf(label, sizeof label, "sentence %.*s", (int)(s->key.size < 20 ? s->key.size : 20),
                 s->key.data ? s->key.data : "-");
    struct wrap w = begin_field(p, label);
    if (!c->old || !c->new)
        put_missing(&w, c);
    else if (c->fields & (1u << SENTENCE_SCORE | 1u << SENTENCE_ERROR_TYPE))
        put_judgement(&w, c);
    else
        put_names(&w, c->fields);
    wrap_end(&w);
    if (c->fields >> SENTENCE_OBJECTS & 1)
        put_objects(p, c);
    if (c->fields >> SENTENCE_COPIED & 1)
        put_words(p, "  copied", c->old->copied, c->new->copied);
    if (c->fields >> SENTENCE_REWRITTEN & 1 && !revised)
        put_words(p, "  rewritten", c->old->rewritten, c->new->rewritten);
    if (c->fields >> SENTENCE_REASON & 1)
        put_words(p, "  why", c->old->reason, c->new->reason);
}

static const char *state_name(opa_report_state state)
{
    static const char *const NAMES[] = {"none", "read", "cut", "missing", "refused", "unreadable"};
    return NAMES[state];
}

static void put_report(struct page *p)
{
    const struct face *f = p->difference->faces;
    struct report_changes r;
    const int status = report_changes_make(&r, p->words->ctx, f[0].sample->report, f[1].sample->report);
    if (status != OPA_OK) {
        p->status = status;
        return;
    }
    if (r.reports[0].state != r.reports[1].state || r.count == 0) {
        struct wrap w = begin_field(p, "report");
        if (r.reports[0].state != r.reports[1].state)
            wrap_printf(&w, STYLE_PLAIN, "%s -> %s", state_name(r.reports[0].state), state_name(r.reports[1].state));
        else
            wrap_string(&w, "differs outside its sentences", STYLE_PLAIN);
        wrap_end(&w);
    }
    for (size_t i = 0; i < r.count && p->status == OPA_OK; i++)
        put_sentence(p, &r.items[i]);
    report_changes_release(&r);
}

/* ---- the rest ---- */

/* "jpeg 640 x 427, 5bc080a7" */
static void put_picture(struct wrap *w, const opa_sample *s)
{
    char hex[2 * OPA_SHA256_SIZE + 1];
    if (s->has_image)
        wrap_printf(w, STYLE_PLAIN, "%s %u x %u, %.8s", opa_image_format_name(s->image_format), s->image_width,
                    s->image_height, hex_text(hex, s->image_sha256, OPA_SHA256_SIZE));
    else
        wrap_string(w, "none", STYLE_PLAIN);
}

static void put_image(struct page *p)
{
    struct wrap w = begin_field(p, "image");
    put_picture(&w, p->difference->faces[0].sample);
    wrap_string(&w, " -> ", STYLE_PLAIN);
    put_picture(&w, p->difference->faces[1].sample);
    wrap_end(&w);
}

static void put_weights(struct page *p)
{
    struct wrap w = begin_field(p, "weights");
    wrap_string(&w, "other token weights, though texts and scores are the same", STYLE_PLAIN);
    wrap_end(&w);
}

int diff_detail(struct sheet *out, const struct words_options *words, size_t columns, const struct difference *d)
{
    struct page p = {.out = out, .words = words, .columns = columns, .difference = d};
    const struct face *f = d->faces;
    const opa_sample *a = f[0].sample, *b = f[1].sample;
    if (d->fields >> FIELD_REVISED & 1)
        put_words(&p, "revised", f[0].revised, f[1].revised);
    if (d->fields >> FIELD_FEEDBACK & 1)
        put_report(&p);
    if (d->fields >> FIELD_IMAGE & 1)
        put_image(&p);
    if (d->fields >> FIELD_PROMPT & 1)
        put_words(&p, "prompt", a->prompt, b->prompt);
    if (d->fields >> FIELD_GENERATED & 1)
        put_words(&p, "response", a->generated, b->generated);
    if (d->fields >> FIELD_GROUND_TRUTH & 1)
        put_words(&p, "ground truth", f[0].ground_truth, f[1].ground_truth);
    if (d->kinds >> KIND_WEIGHTS & 1)
        put_weights(&p);
    return p.status;
}
