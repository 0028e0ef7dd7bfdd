/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect_overview.h"

#include <string.h>

#define ARROW " -> "

enum { WIDE = 100, MEDIUM = 64, CODE = 5, SHARE = 4 };

struct overview overview_layout(size_t columns, size_t longest_id)
{
    /* 40 columns: a mark for the certificate, and what is found in front of the edit. */
    struct overview o = {.columns = columns, .id = 14, .certificate = 1};
    if (columns >= MEDIUM) {
        o.certificate = strlen("ambiguous");
        o.codes = columns >= WIDE ? 3 * CODE + 2 : CODE + 3;
        o.id = columns >= WIDE ? 44 : 24;
    }
    if (longest_id < o.id)
        o.id = longest_id > strlen("id") ? longest_id : strlen("id");
    return o;
}

void overview_head(struct sheet *out, const struct overview *o)
{
    sheet_cell(out, OPA_TEXT("id"), o->id, STYLE_BOLD);
    sheet_spaces(out, 3, STYLE_PLAIN);
    sheet_cell(out, o->codes ? OPA_TEXT("cert.") : OPA_TEXT("c"), o->certificate, STYLE_BOLD);
    sheet_string(out, " edit s ", STYLE_BOLD);
    if (o->codes > 0) {
        sheet_cell(out, OPA_TEXT("findings"), o->codes, STYLE_BOLD);
        sheet_spaces(out, 1, STYLE_PLAIN);
    }
    sheet_string(out, "first edit", STYLE_BOLD);
    sheet_end_line(out);
}

static void put_state(struct sheet *out, const struct view *v)
{
    static const char *const REVIEWS[] = {
        [OPA_REVIEW_NONE] = " ",    [OPA_REVIEW_SEEN] = ".",     [OPA_REVIEW_ACCEPTED] = "+",
        [OPA_REVIEW_CHANGED] = "*", [OPA_REVIEW_EXCLUDED] = "x",
    };
    if (v->sample.excluded)
        sheet_string(out, "x", STYLE_WARNING);
    else if (v->left_out)
        sheet_string(out, "!", STYLE_ERROR);
    else
        sheet_string(out, REVIEWS[v->sample.review], STYLE_GOOD);
}

static void put_certificate(struct sheet *out, const struct overview *o, opa_certificate certificate)
{
    static const struct {
        const char *mark, *word;
        enum style style;
    } HOW[] = {
        [OPA_CERTIFICATE_NONE] = {"-", "-", STYLE_DIM},  [OPA_EXACT] = {"=", "exact", STYLE_GOOD},
        [OPA_REPAIRED] = {"~", "repaired", STYLE_PLAIN}, [OPA_AMBIGUOUS] = {"?", "ambiguous", STYLE_WARNING},
        [OPA_BROKEN] = {"!", "broken", STYLE_ERROR},
    };
    sheet_cell(out, text_of(o->codes ? HOW[certificate].word : HOW[certificate].mark), o->certificate,
               HOW[certificate].style);
}

/* " 12%", "<1 %" would be read as zero: what was edited never shows as nothing. */
static void put_share(struct sheet *out, const struct view *v, const struct hunk_tokens *tokens)
{
    char text[16] = "-";
    const int percent = (int)(100 * edit_share(tokens) + 0.5);
    if (v->edited)
        snprintf(text, sizeof text, percent > 0 ? "%d%%" : "<1%%", percent);
    sheet_spaces(out, SHARE - strlen(text), STYLE_PLAIN);
    sheet_string(out, text, v->edited ? STYLE_PLAIN : STYLE_DIM);
}

static void put_score(struct sheet *out, const opa_report *report)
{
    static const enum style STYLES[] = {STYLE_DIM, STYLE_ERROR, STYLE_ERROR, STYLE_WARNING, STYLE_GOOD};
    const int score = worst_score(report);
    const char digit[2] = {score > 0 ? (char)('0' + score) : '-', '\0'};
    sheet_string(out, digit, STYLES[score]);
}

/* " OP107 OP201 +3", errors first, down to @p least, in at most @p columns; returns the columns used. */
static size_t put_codes(struct sheet *out, const opa_findings *findings, opa_severity least, size_t columns)
{
    static const enum style STYLES[] = {
        [OPA_INFO] = STYLE_DIM, [OPA_WARNING] = STYLE_WARNING, [OPA_ERROR] = STYLE_ERROR};
    struct code_counts counts = {0};
    size_t left = 0, used = 0;
    char text[16];
    codes_count(&counts, findings);
    for (int i = 0; i < 1000; i++)
        left += counts.of[i] > 0 && code_severity(i) >= least;
    for (int severity = OPA_ERROR; severity >= (int)least && left > 0; severity--) {
        for (int i = 0; i < 1000 && left > 0; i++) {
            if (counts.of[i] == 0 || (int)code_severity(i) != severity)
                continue;
            /* Room for this one, and for the number of the others. */
            const size_t needed = used + 1 + CODE + (left > 1 ? 3 : 0);
            if (needed > columns) {
                snprintf(text, sizeof text, " +%zu", left < 9 ? left : 9);
                sheet_string(out, text, STYLE_DIM);
                return used + strlen(text);
            }
            sheet_spaces(out, 1, STYLE_PLAIN);
            sheet_string(out, code_text(text, i), STYLES[severity]);
            used += 1 + CODE;
            left--;
        }
    }
    return used;
}

/* Without white space around it, unless there is nothing else. */
static opa_text trimmed(opa_text text)
{
    opa_text t = text;
    while (t.size > 0 && strchr(" \n\t\r", *t.data)) {
        t.data++;
        t.size--;
    }
    while (t.size > 0 && strchr(" \n\t\r", t.data[t.size - 1]))
        t.size--;
    return t.size > 0 ? t : text;
}

static const opa_hunk *first_edit(const opa_alignment *a)
{
    for (size_t i = 0; i < a->hunk_count; i++) {
        if (a->hunks[i].op != OPA_KEEP)
            return &a->hunks[i];
    }
    return NULL;
}

/* "old words -> new words", in what is left of the line: each gets half of it, and what the other leaves. */
static void put_edit(struct sheet *out, const struct view *v, const opa_hunk *h, size_t columns)
{
    const opa_alignment *a = &v->assessment.alignment;
    const opa_text none = OPA_TEXT("(none)");
    const opa_text generated = {v->sample.generated.data + h->generated.begin, h->generated.end - h->generated.begin};
    const opa_text revised = {a->revised.data + h->revised.begin, h->revised.end - h->revised.begin};
    const opa_text old = generated.size > 0 ? trimmed(generated) : none;
    const opa_text new = revised.size > 0 ? trimmed(revised) : none;
    const size_t room = columns - strlen(ARROW), old_width = text_width(old), new_width = text_width(new);
    size_t given = room / 2;
    if (old_width <= given || old_width + new_width <= room)
        given = old_width;
    else if (new_width <= room / 2)
        given = room - new_width;
    sheet_visible(out, old, given, generated.size > 0 ? STYLE_DELETED : STYLE_DIM);
    sheet_string(out, ARROW, STYLE_PLAIN);
    sheet_visible(out, new, room - given, revised.size > 0 ? STYLE_INSERTED : STYLE_DIM);
}

void overview_row(struct sheet *out, const struct overview *o, const struct view *v, const struct hunk_tokens *tokens)
{
    sheet_cell(out, v->sample.id, o->id, STYLE_PLAIN);
    sheet_spaces(out, 1, STYLE_PLAIN);
    put_state(out, v);
    sheet_spaces(out, 1, STYLE_PLAIN);
    put_certificate(out, o, v->certificate);
    sheet_spaces(out, 1, STYLE_PLAIN);
    put_share(out, v, tokens);
    sheet_spaces(out, 1, STYLE_PLAIN);
    put_score(out, &v->assessment.report);
    const size_t used = o->codes ? put_codes(out, &v->findings, OPA_INFO, o->codes + 1)
                                 : put_codes(out, &v->findings, OPA_WARNING, CODE + 4);
    const size_t fill = o->codes ? o->codes + 1 - used + 1 : 1, at = sheet_column(out) + fill;
    const opa_hunk *edit = first_edit(&v->assessment.alignment);
    if (edit != NULL && o->columns >= at + strlen(ARROW) + 4) {
        sheet_spaces(out, fill, STYLE_PLAIN);
        put_edit(out, v, edit, o->columns - at);
    }
    sheet_end_line(out);
}
