/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect_json.h"

#include <stdlib.h>

static void write_span_or_null(opa_json_writer *w, const char *key, bool known, opa_span span)
{
    opa_json_write_key(w, key);
    if (known)
        write_span(w, span);
    else
        opa_json_write_null(w);
}

static void write_integer_or_null(opa_json_writer *w, const char *key, bool known, int64_t n)
{
    opa_json_write_key(w, key);
    if (known)
        opa_json_write_integer(w, n);
    else
        opa_json_write_null(w);
}

static void write_sentence(opa_json_writer *w, const opa_sentence *s, const opa_placed *p, int index)
{
    opa_json_begin_object(w);
    write_integer_or_null(w, "index", index >= 0, index);
    opa_json_write_key(w, "added");
    opa_json_write_bool(w, s->added);
    opa_json_write_key(w, "moved");
    opa_json_write_bool(w, p->moved);
    opa_json_write_key(w, "placed");
    opa_json_write_string(w, opa_placement_name(p->placement));
    write_span_or_null(w, "generated_bytes", p->has_generated, p->generated);
    write_span_or_null(w, "revised_bytes", p->has_revised, p->revised);
    write_integer_or_null(w, "score", s->score > 0, s->score);
    opa_json_write_key(w, "error_type");
    opa_json_write_string(w, opa_error_type_name(s->error_type));
    opa_json_write_key(w, "object");
    opa_json_begin_array(w);
    for (size_t i = 0; i < s->object_count; i++)
        opa_json_write_text(w, s->objects[i]);
    opa_json_end_array(w);
    opa_json_write_key(w, "reason");
    opa_json_write_text(w, s->reason);
    opa_json_end_object(w);
}

static void write_spans(opa_json_writer *w, const char *key, const opa_span *spans, size_t count)
{
    opa_json_write_key(w, key);
    opa_json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        write_span(w, spans[i]);
    opa_json_end_array(w);
}

/* One side of a hunk. @p chars counts the code points before it, and then those before the next. */
static void write_side(opa_json_writer *w, const char *key, opa_text text, opa_span bytes, opa_span tokens,
                       size_t *chars)
{
    const opa_text piece = {text.data + bytes.begin, bytes.end - bytes.begin};
    const opa_span span = {*chars, *chars + opa_text_chars(piece, piece.size)};
    *chars = span.end;
    opa_json_write_key(w, key);
    opa_json_begin_object(w);
    opa_json_write_key(w, "bytes");
    write_span(w, bytes);
    opa_json_write_key(w, "chars");
    write_span(w, span);
    opa_json_write_key(w, "tokens");
    write_span(w, tokens);
    opa_json_end_object(w);
}

static void write_hunks(opa_json_writer *w, const struct view *v, const struct hunk_tokens *t, const int *indices)
{
    const opa_alignment *a = &v->assessment.alignment;
    size_t chars[2] = {0, 0};
    opa_json_write_key(w, "hunks");
    opa_json_begin_array(w);
    for (size_t i = 0; i < a->hunk_count; i++) {
        const opa_hunk *h = &a->hunks[i];
        const int sentence =
            h->sentence >= 0 && (size_t)h->sentence < v->assessment.report.count ? indices[h->sentence] : -1;
        opa_json_begin_object(w);
        opa_json_write_key(w, "op");
        opa_json_write_string(w, opa_op_name(h->op));
        write_integer_or_null(w, "sentence", sentence >= 0, sentence);
        write_side(w, "generated", v->sample.generated, h->generated, t->spans[0][i], &chars[0]);
        write_side(w, "revised", a->revised, h->revised, t->spans[1][i], &chars[1]);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
}

static void write_texts(opa_json_writer *w, const struct view *v)
{
    opa_json_write_key(w, "generated");
    opa_json_write_text(w, v->sample.generated);
    opa_json_write_key(w, "revised");
    opa_json_write_text(w, v->assessment.alignment.revised);
    opa_json_write_key(w, "ground_truth");
    opa_json_write_text(w, v->sample.ground_truth);
}

static void write_counts(opa_json_writer *w, const struct hunk_tokens *t)
{
    opa_json_write_key(w, "counts");
    opa_json_begin_object(w);
    opa_json_write_key(w, "kept");
    opa_json_write_integer(w, t->kept);
    opa_json_write_key(w, "deleted");
    opa_json_write_integer(w, t->deleted);
    opa_json_write_key(w, "inserted");
    opa_json_write_integer(w, t->inserted);
    opa_json_end_object(w);
}

bool inspect_json(opa_json_writer *w, const struct view *v, const struct hunk_tokens *t)
{
    const opa_report *report = &v->assessment.report;
    const opa_alignment *a = &v->assessment.alignment;
    int *indices = sentence_indices(report);
    if (indices == NULL)
        return false;
    opa_json_begin_object(w);
    write_identity(w, v);
    write_texts(w, v);
    opa_json_write_key(w, "sentences");
    opa_json_begin_array(w);
    for (size_t i = 0; i < report->count; i++) {
        const opa_placed nowhere = {0};
        write_sentence(w, &report->sentences[i], i < a->placed_count ? &a->placed[i] : &nowhere, indices[i]);
    }
    opa_json_end_array(w);
    write_spans(w, "gaps", a->gaps, a->gap_count);
    write_spans(w, "overlaps", a->overlaps, a->overlap_count);
    write_hunks(w, v, t, indices);
    write_counts(w, t);
    opa_json_write_key(w, "findings");
    codes_json(w, &v->findings);
    opa_json_end_object(w);
    free(indices);
    return true;
}
