/* SPDX-License-Identifier: Apache-2.0 */
#include "view_out.h"

#include <stdlib.h>
#include <string.h>

#include "term.h"

void write_identity(opa_json_writer *w, const struct view *v)
{
    opa_json_write_key(w, "id");
    opa_json_write_text(w, v->sample.id);
    opa_json_write_key(w, "source");
    opa_json_begin_object(w);
    opa_json_write_key(w, "file");
    opa_json_write_text(w, v->sample.source_file);
    opa_json_write_key(w, "record");
    opa_json_write_integer(w, v->sample.source_record);
    opa_json_end_object(w);
    opa_json_write_key(w, "certificate");
    opa_json_write_string(w, opa_certificate_name(v->certificate));
}

void write_pairs(opa_json_writer *w, const opa_pair_counts *pairs)
{
    opa_json_begin_object(w);
    opa_json_write_key(w, "language");
    opa_json_write_integer(w, (int64_t)pairs->language);
    opa_json_write_key(w, "image");
    opa_json_write_integer(w, (int64_t)pairs->image);
    opa_json_write_key(w, "anchor");
    opa_json_write_integer(w, (int64_t)pairs->anchor);
    opa_json_end_object(w);
}

void write_span(opa_json_writer *w, opa_span span)
{
    opa_json_begin_array(w);
    opa_json_write_integer(w, (int64_t)span.begin);
    opa_json_write_integer(w, (int64_t)span.end);
    opa_json_end_array(w);
}

void print_codes_line(struct cli *cli, const opa_findings *findings)
{
    static const enum style STYLE[] = {STYLE_DIM, STYLE_WARNING, STYLE_ERROR};
    struct code_counts counts = {0};
    codes_count(&counts, findings);
    const char *before = "";
    char code[16];
    for (int severity = OPA_ERROR; severity >= OPA_INFO; severity--) {
        for (int i = 0; i < 1000; i++) {
            if (counts.of[i] == 0 || (int)code_severity(i) != severity)
                continue;
            out_printf(cli, "%s%s%s%s", before, style_begin(cli, STYLE[severity]), code_text(code, i),
                       style_end(cli, STYLE[severity]));
            before = " ";
        }
    }
}

int hunk_tokens_make(struct hunk_tokens *t, opa_encoder *encoder, const struct view *v)
{
    const opa_alignment *a = &v->assessment.alignment;
    const opa_text texts[2] = {v->sample.generated, a->revised};
    for (int side = 0; side < 2 && a->hunk_count > 0; side++) {
        const int status = opa_encoder_encode(encoder, &t->tokens[side], texts[side], OPA_ENCODE_PLAIN);
        if (status != OPA_OK)
            return status;
        t->spans[side] = calloc(a->hunk_count, sizeof *t->spans[side]);
        if (t->spans[side] == NULL)
            return OPA_ENOMEM;
        opa_align_tokens(t->spans[side], a->hunks, a->hunk_count, side == 1, texts[side], &t->tokens[side]);
    }
    for (size_t i = 0; i < a->hunk_count; i++) {
        const int64_t generated = (int64_t)(t->spans[0][i].end - t->spans[0][i].begin);
        const int64_t revised = (int64_t)(t->spans[1][i].end - t->spans[1][i].begin);
        if (a->hunks[i].op == OPA_KEEP) {
            t->kept += generated;
        } else {
            t->deleted += generated;
            t->inserted += revised;
        }
    }
    return OPA_OK;
}

void hunk_tokens_release(struct hunk_tokens *t)
{
    for (int side = 0; side < 2; side++) {
        opa_tokens_release(&t->tokens[side]);
        free(t->spans[side]);
    }
    *t = (struct hunk_tokens){0};
}

double edit_share(const struct hunk_tokens *t)
{
    const size_t all = t->tokens[0].count + t->tokens[1].count;
    return all > 0 ? (double)(t->deleted + t->inserted) / (double)all : 0;
}

int worst_score(const opa_report *report)
{
    int worst = 0;
    for (size_t i = 0; i < report->count; i++) {
        const int score = report->sentences[i].score;
        if (score > 0 && (worst == 0 || score < worst))
            worst = score;
    }
    return worst;
}

int *sentence_indices(const opa_report *report)
{
    int *indices = calloc(report->count + 1, sizeof *indices), next = 0;
    for (size_t i = 0; indices != NULL && i < report->count; i++)
        indices[i] = report->sentences[i].added ? -1 : next++;
    return indices;
}
