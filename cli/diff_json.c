/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "diff_out.h"
#include "view_out.h"

const char *const CHANGE_NAMES[] = {"added", "removed", "changed"};

/* ---- texts ---- */

static void write_hunks(opa_json_writer *w, const opa_hunk *hunks, size_t count)
{
    opa_json_write_key(w, "hunks");
    opa_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        opa_json_begin_object(w);
        opa_json_write_key(w, "op");
        opa_json_write_string(w, opa_op_name(hunks[i].op));
        opa_json_write_key(w, "old");
        write_span(w, hunks[i].generated);
        opa_json_write_key(w, "new");
        write_span(w, hunks[i].revised);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
}

static int write_text(opa_context *ctx, opa_json_writer *w, const char *key, opa_text old, opa_text new)
{
    const opa_text none = OPA_TEXT("");
    opa_hunk *hunks;
    size_t count;
    const int status = opa_diff_words(ctx, &hunks, &count, old.data ? old : none, new.data ? new : none);
    if (status != OPA_OK)
        return status;
    opa_json_write_key(w, key);
    opa_json_begin_object(w);
    opa_json_write_key(w, "old");
    opa_json_write_text(w, old);
    opa_json_write_key(w, "new");
    opa_json_write_text(w, new);
    write_hunks(w, hunks, count);
    opa_json_end_object(w);
    free(hunks);
    return OPA_OK;
}

static int write_texts(opa_context *ctx, opa_json_writer *w, const struct difference *d)
{
    const struct face *f = d->faces;
    const opa_sample *a = f[0].sample, *b = f[1].sample;
    const struct {
        int field;
        opa_text old, new;
    } texts[] = {{FIELD_REVISED, f[0].revised, f[1].revised},
                 {FIELD_GROUND_TRUTH, f[0].ground_truth, f[1].ground_truth},
                 {FIELD_PROMPT, a->prompt, b->prompt},
                 {FIELD_GENERATED, a->generated, b->generated}};
    int status = OPA_OK;
    opa_json_write_key(w, "texts");
    opa_json_begin_object(w);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == OPA_OK; i++) {
        if (d->fields >> texts[i].field & 1)
            status = write_text(ctx, w, FIELD_NAMES[texts[i].field], texts[i].old, texts[i].new);
    }
    opa_json_end_object(w);
    return status;
}

/* ---- the report ---- */

static void write_judgement(opa_json_writer *w, const char *key, const opa_sentence *s)
{
    opa_json_write_key(w, key);
    if (s == NULL) {
        opa_json_write_null(w);
        return;
    }
    opa_json_begin_object(w);
    opa_json_write_key(w, "score");
    if (s->score > 0)
        opa_json_write_integer(w, s->score);
    else
        opa_json_write_null(w);
    opa_json_write_key(w, "error_type");
    opa_json_write_string(w, opa_error_type_name(s->error_type));
    opa_json_end_object(w);
}

static int write_sentences(opa_context *ctx, opa_json_writer *w, opa_text old, opa_text new)
{
    struct report_changes r;
    const int status = report_changes_make(&r, ctx, old, new);
    if (status != OPA_OK)
        return status;
    opa_json_write_key(w, "sentences");
    opa_json_begin_array(w);
    for (size_t i = 0; i < r.count; i++) {
        const struct sentence_change *c = &r.items[i];
        opa_json_begin_object(w);
        opa_json_write_key(w, "index");
        if (c->index < 0)
            opa_json_write_null(w);
        else
            opa_json_write_integer(w, c->index);
        opa_json_write_key(w, "fields");
        opa_json_begin_array(w);
        for (int f = 0; f < SENTENCE_FIELD_COUNT; f++) {
            if (c->fields >> f & 1)
                opa_json_write_string(w, SENTENCE_FIELD_NAMES[f]);
        }
        opa_json_end_array(w);
        write_judgement(w, "old", c->old);
        write_judgement(w, "new", c->new);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
    report_changes_release(&r);
    return OPA_OK;
}

/* ---- the line ---- */

static void write_image(opa_json_writer *w, const char *key, const opa_sample *s)
{
    char hex[2 * OPA_SHA256_SIZE + 1];
    opa_json_write_key(w, key);
    if (!s->has_image) {
        opa_json_write_null(w);
        return;
    }
    opa_json_begin_object(w);
    opa_json_write_key(w, "format");
    opa_json_write_string(w, opa_image_format_name(s->image_format));
    opa_json_write_key(w, "width");
    opa_json_write_integer(w, s->image_width);
    opa_json_write_key(w, "height");
    opa_json_write_integer(w, s->image_height);
    opa_json_write_key(w, "sha256");
    opa_json_write_string(w, hex_text(hex, s->image_sha256, OPA_SHA256_SIZE));
    opa_json_end_object(w);
}

/* What is known beside the fields that differ. */
static int write_change(opa_context *ctx, opa_json_writer *w, const struct difference *d)
{
    const opa_sample *a = d->faces[0].sample, *b = d->faces[1].sample;
    int status = write_texts(ctx, w, d);
    if (status == OPA_OK && d->fields >> FIELD_FEEDBACK & 1)
        status = write_sentences(ctx, w, a->report, b->report);
    if (d->fields >> FIELD_IMAGE & 1) {
        opa_json_write_key(w, "image");
        opa_json_begin_object(w);
        write_image(w, "old", a);
        write_image(w, "new", b);
        opa_json_end_object(w);
    }
    if (d->fields >> FIELD_EXCLUDED & 1) {
        opa_json_write_key(w, "excluded");
        opa_json_write_bool(w, b->excluded);
    }
    return status;
}

static void write_left_out(opa_json_writer *w, const struct left_out *why)
{
    char code[16];
    opa_json_write_key(w, "left_out");
    opa_json_begin_object(w);
    opa_json_write_key(w, "code");
    opa_json_write_string(w, code_text(code, why->code));
    opa_json_write_key(w, "name");
    opa_json_write_string(w, code_name(why->code));
    opa_json_write_key(w, "reason");
    opa_json_write_text(w, why->reason);
    opa_json_end_object(w);
}

int diff_json(struct cli *cli, opa_json_writer *w, const struct difference *d)
{
    int status = OPA_OK;
    opa_json_begin_object(w);
    opa_json_write_key(w, "id");
    opa_json_write_text(w, d->id);
    opa_json_write_key(w, "change");
    opa_json_write_string(w, CHANGE_NAMES[d->change]);
    opa_json_write_key(w, "fields");
    opa_json_begin_array(w);
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (d->fields >> f & 1)
            opa_json_write_string(w, FIELD_NAMES[f]);
    }
    opa_json_end_array(w);
    if (d->faces != NULL)
        status = write_change(cli->ctx, w, d);
    if (d->why.code != 0)
        write_left_out(w, &d->why);
    opa_json_end_object(w);
    return status == OPA_OK ? out_json_line(cli, w) : cli_fail(cli, status, NULL);
}
