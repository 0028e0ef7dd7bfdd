/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "panel.h"

enum { TOP = 10 };

/* ---- panels ---- */

static void add_certificates(struct page *page, const struct tally *t)
{
    static const enum style STYLES[] = {STYLE_PLAIN, STYLE_GOOD, STYLE_PLAIN, STYLE_WARNING, STYLE_ERROR};
    struct panel p = {.title = "certificates", .total = t->samples};
    for (int c = OPA_EXACT; c <= OPA_BROKEN && t->certificates[OPA_CERTIFICATE_NONE] < t->samples; c++)
        panel_add(&p, tally_certificate_name(c), t->certificates[c], STYLES[c]);
    if (t->certificates[OPA_CERTIFICATE_NONE] > 0)
        panel_add(&p, "without a report", t->certificates[OPA_CERTIFICATE_NONE], STYLE_PLAIN);
    page_add(page, &p);
}

static void add_scores(struct page *page, const struct tally *t)
{
    static const char *const LABELS[] = {"none", "1 wrong", "2 substantial", "3 slight", "4 accurate"};
    static const enum style STYLES[] = {STYLE_PLAIN, STYLE_ERROR, STYLE_WARNING, STYLE_PLAIN, STYLE_GOOD};
    struct panel p = {.title = "scores of sentences", .total = t->sentences};
    for (int i = 4; i >= 0 && t->sentences > 0; i--) {
        if (i > 0 || t->scores[0] > 0)
            panel_add(&p, LABELS[i], t->scores[i], STYLES[i]);
    }
    page_add(page, &p);
}

static void add_error_types(struct page *page, const struct tally *t)
{
    static const char *const LABELS[] = {"none", "correct", "image recognition", "language comprehension"};
    static const enum style STYLES[] = {STYLE_PLAIN, STYLE_GOOD, STYLE_PLAIN, STYLE_PLAIN};
    static const int ORDER[] = {OPA_ERROR_TYPE_CORRECT, OPA_ERROR_TYPE_IMAGE, OPA_ERROR_TYPE_LANGUAGE,
                                OPA_ERROR_TYPE_NONE};
    struct panel p = {.title = "error types of sentences", .total = t->sentences};
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER && t->sentences > 0; i++) {
        const int type = ORDER[i];
        if (type != OPA_ERROR_TYPE_NONE || t->error_types[type] > 0)
            panel_add(&p, LABELS[type], t->error_types[type], STYLES[type]);
    }
    page_add(page, &p);
}

/* Up to the last tenth that has a sample. */
static void add_shares(struct page *page, const struct tally *t)
{
    static const char *const LABELS[] = {"none",    "0-10 %",  "10-20 %", "20-30 %", "30-40 %", "40-50 %",
                                         "50-60 %", "60-70 %", "70-80 %", "80-90 %", "90-100 %"};
    struct panel p = {.title = "share of edited tokens", .total = t->samples};
    int last = TALLY_SHARES;
    while (last > 0 && t->shares[last] == 0)
        last--;
    for (int i = 0; i <= last && t->without_revised < t->samples; i++)
        panel_add(&p, LABELS[i], t->shares[i], STYLE_PLAIN);
    if (t->without_revised > 0)
        panel_add(&p, "nothing revised", t->without_revised, STYLE_PLAIN);
    page_add(page, &p);
}

static void add_review(struct page *page, const struct tally *t)
{
    static const enum style STYLES[] = {STYLE_PLAIN, STYLE_PLAIN, STYLE_GOOD, STYLE_GOOD, STYLE_ERROR};
    struct panel p = {.title = "review", .total = t->samples};
    for (int r = OPA_REVIEW_EXCLUDED; r >= OPA_REVIEW_NONE && t->reviewed; r--) {
        if (t->reviews[r] > 0)
            panel_add(&p, opa_review_name((opa_review)r), t->reviews[r], STYLES[r]);
    }
    page_add(page, &p);
}

/* False: out of memory. */
static bool add_corrections(struct page *page, const struct tally *t)
{
    const struct corrections *c = &t->corrections;
    struct panel p = {.title = "most often corrected"};
    char *labels[TOP] = {NULL};
    bool memory = true;
    for (size_t i = 0; i < TOP && i < c->ranked_count && memory; i++) {
        size_t size;
        labels[i] = correction_text(&size, &c->ranked[i]);
        memory = labels[i] != NULL;
        if (memory)
            p.rows[p.count++] = (struct panel_row){{labels[i], size}, c->ranked[i].count, STYLE_PLAIN};
    }
    page_add(page, &p);
    for (size_t i = 0; i < TOP; i++)
        free(labels[i]);
    return memory;
}

static void add_lengths(struct page *page, const struct tally *t)
{
    static const char *const LABELS[] = {"prompt", "generated", "revised", "ground truth"};
    static const unsigned PERCENTS[] = {50, 90, 99, 100};
    struct sheet *s = NULL;
    for (int k = 0; k < TALLY_TEXTS; k++) {
        if (t->lengths[k].count == 0)
            continue;
        if (s == NULL) {
            s = page_column(page);
            sheet_string(s, "lengths", STYLE_BOLD);
            sheet_string(s, "     median  90 %  99 %  most", STYLE_DIM);
            sheet_end_line(s);
        }
        char text[64];
        size_t size = (size_t)snprintf(text, sizeof text, "%-12s", LABELS[k]);
        for (size_t i = 0; i < sizeof PERCENTS / sizeof *PERCENTS; i++)
            size += (size_t)snprintf(text + size, sizeof text - size, " %5u",
                                     lengths_percentile(&t->lengths[k], PERCENTS[i]));
        sheet_string(s, text, STYLE_PLAIN);
        sheet_end_line(s);
    }
}

/* ---- findings: a table of each severity, down the columns ---- */

static void add_finding(struct sheet *s, const struct tally *t, int code, size_t width)
{
    static const enum style STYLES[] = {STYLE_DIM, STYLE_WARNING, STYLE_ERROR};
    enum { NUMBER = 8 };
    char number[32], padded[64], text[16];
    sheet_string(s, code_text(text, code), STYLES[code_severity(code)]);
    sheet_spaces(s, 1, STYLE_PLAIN);
    sheet_cell(s, text_of(code_name(code)), width - strlen(text) - 1 - NUMBER, STYLE_PLAIN);
    snprintf(padded, sizeof padded, "%*s", NUMBER, thousands(number, t->codes.of[code]));
    sheet_string(s, padded, STYLE_PLAIN);
    sheet_end_line(s);
}

static void add_findings(struct sheet *out, struct page *page, const struct tally *t, opa_severity severity)
{
    static const char *const TITLES[] = {"findings: infos", "findings: warnings", "findings: errors"};
    size_t n = 0, put = 0;
    for (int i = 0; i < 1000; i++)
        n += t->codes.of[i] > 0 && code_severity(i) == severity;
    if (n == 0)
        return;
    const size_t lines = (n + page->count - 1) / page->count;
    sheet_end_line(out);
    sheet_string(out, TITLES[severity], STYLE_BOLD);
    sheet_end_line(out);
    for (int i = 0; i < 1000; i++) {
        if (t->codes.of[i] > 0 && code_severity(i) == severity)
            add_finding(&page->columns[put++ / lines], t, i, page->width);
    }
    page_flush(out, page);
}

/* ---- the page ---- */

static void put_line(struct sheet *out, size_t width, const char *line)
{
    struct wrap w = {.sheet = out, .columns = width};
    wrap_string(&w, line, STYLE_PLAIN);
    wrap_end(&w);
}

static void put_head(struct sheet *out, const struct tally *t, size_t width)
{
    char a[32], b[32], c[32], line[200];
    struct wrap w = {.sheet = out, .columns = width};
    wrap_printf(&w, STYLE_BOLD, "%s sample%s, %s image%s", thousands(a, t->samples), t->samples == 1 ? "" : "s",
                thousands(b, t->images), t->images == 1 ? "" : "s");
    wrap_printf(&w, STYLE_PLAIN, "; %s edited, %s left out by the default recipe, %s excluded by a person",
                thousands(a, t->edited), thousands(b, t->left_out), thousands(c, t->excluded));
    wrap_end(&w);
    if (t->chosen != NULL)
        put_line(out, width, t->chosen);
    snprintf(line, sizeof line, "pairs: %s language, %s image, %s anchor", thousands(a, (int64_t)t->pairs.language),
             thousands(b, (int64_t)t->pairs.image), thousands(c, (int64_t)t->pairs.anchor));
    put_line(out, width, line);
    snprintf(line, sizeof line, "sentences: %s in reports, %s added", thousands(a, t->sentences),
             thousands(b, t->added));
    put_line(out, width, line);
    snprintf(line, sizeof line, "tokens (%s): %s kept, %s deleted, %s inserted", opa_tokenizer_kind(t->tokenizer),
             thousands(a, t->kept), thousands(b, t->deleted), thousands(c, t->inserted));
    put_line(out, width, line);
}

int tally_print(const struct tally *t)
{
    const size_t width = term_columns();
    struct sheet out = {0};
    struct page page;
    page_begin(&page, width);
    put_head(&out, t, width);
    if (t->samples > 0)
        sheet_end_line(&out);
    add_shares(&page, t);
    add_scores(&page, t);
    add_error_types(&page, t);
    add_certificates(&page, t);
    add_review(&page, t);
    add_lengths(&page, t);
    const bool memory = add_corrections(&page, t);
    page_flush(&out, &page);
    for (int severity = OPA_ERROR; severity >= OPA_INFO; severity--)
        add_findings(&out, &page, t, (opa_severity)severity);
    out.failed |= !memory;
    const int result = sheet_print(t->cli, &out);
    page_release(&page);
    sheet_release(&out);
    return result;
}
