/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"
#include "inspect_detail.h"
#include "review_run.h"

#include <stdlib.h>

struct inspect {
    struct cli *cli;
    struct source source;
    struct filter filter;
    opa_encoder *encoder;
    opa_json_writer *w; /* NULL: the plain form */
    struct sheet page;
    bool jsonl, interactive;
    const char *tokenizer, *by;
};

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

static int inspect_jsonl(struct inspect *in, const struct view *v, const struct hunk_tokens *t)
{
    opa_json_writer *w = in->w;
    const opa_report *report = &v->assessment.report;
    const opa_alignment *a = &v->assessment.alignment;
    int *indices = sentence_indices(report);
    if (indices == NULL)
        return cli_error(in->cli, EXIT_IO, "out of memory");
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
    return out_json_line(in->cli, w);
}

static int inspect_page(struct inspect *in, const struct view *v, const struct hunk_tokens *t)
{
    const struct detail_options options = {.ctx = in->cli->ctx,
                                           .columns = term_columns(),
                                           .color = in->cli->color_out,
                                           .token_kind = opa_tokenizer_kind(in->source.tokenizer)};
    sheet_clear(&in->page);
    const int status = inspect_detail(&in->page, &options, v, t);
    if (status != OPA_OK)
        return cli_fail(in->cli, status, in->source.path);
    sheet_end_line(&in->page);
    return sheet_print(in->cli, &in->page);
}

static int show(void *user, struct view *v)
{
    struct inspect *in = user;
    struct hunk_tokens tokens = {0};
    const int status = hunk_tokens_make(&tokens, in->encoder, v);
    int result = 0;
    if (status != OPA_OK)
        result = cli_fail(in->cli, status, in->source.path);
    else if (in->w != NULL)
        result = inspect_jsonl(in, v, &tokens);
    else
        result = inspect_page(in, v, &tokens);
    hunk_tokens_release(&tokens);
    return result;
}

static int inspect(struct inspect *in)
{
    struct cli *cli = in->cli;
    const int result = source_note_all(&in->source);
    if (result != 0)
        return result;
    if (opa_encoder_new(cli->ctx, &in->encoder, in->source.tokenizer) != OPA_OK ||
        (in->jsonl && opa_json_writer_new(cli->ctx, &in->w) != OPA_OK))
        return cli_error(cli, EXIT_IO, "out of memory");
    return filter_each(&in->filter, &in->source, cli->args + 1, cli->arg_count - 1, NULL, show, in);
}

static int open_and_inspect(struct inspect *in)
{
    struct cli *cli = in->cli;
    int result = source_open(&in->source, cli, cli->args[0]);
    if (result != 0)
        return result;
    result = source_tokenizer(&in->source, in->tokenizer);
    if (result == 0)
        result = in->interactive ? review_run(&in->source, &in->filter, cli->args + 1, cli->arg_count - 1, who(in->by))
                                 : inspect(in);
    sheet_release(&in->page);
    opa_json_writer_free(in->w);
    opa_encoder_free(in->encoder);
    source_close(&in->source);
    return result;
}

static int check_options(struct inspect *in)
{
    if (in->interactive && in->jsonl)
        return cli_usage(in->cli, "-i and --jsonl: one or the other");
    if (in->by != NULL && !in->interactive)
        return cli_usage(in->cli, "--by is for -i");
    if (in->by != NULL && !text_is_utf8(text_of(in->by)))
        return cli_usage(in->cli, "--by: not UTF-8");
    const int result = in->interactive ? review_terminal(in->cli) : 0;
    return result ? result : filter_prepare(&in->filter, in->cli);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct inspect in = {.cli = cli, .filter = FILTER_INIT};
    enum { OWN = 4 };
    struct flag flags[OWN + FILTER_FLAGS] = {{"tokenizer", 0, FLAG_TEXT, &in.tokenizer},
                                             {"jsonl", 0, FLAG_SWITCH, &in.jsonl},
                                             {"interactive", 'i', FLAG_SWITCH, &in.interactive},
                                             {"by", 0, FLAG_TEXT, &in.by}};
    filter_flags(flags + OWN, &in.filter);
    int go = cli_options(cli, argc, argv, flags, OWN + FILTER_FLAGS);
    if (go != GO_ON || (go = cli_arguments(cli, 1, -1, "a store or a pack, and ids")) != GO_ON)
        return go;
    int result = check_options(&in);
    if (result == 0)
        result = open_and_inspect(&in);
    filter_release(&in.filter);
    return result;
}

const struct command cmd_inspect = {
    .name = "inspect",
    .summary = "show what the expert changed, sentence by sentence",
    .help =
        "Example: opapairs inspect set.opa AMBER_32-0d1f6a2b9c3e\n"
        "         opapairs inspect -i set.opa --only broken,warning --by anna\n"
        "         opapairs inspect set.opa --tokenizer llava-1.5-7b-hf/ --jsonl > edits.jsonl\n\n"
        "Usage: opapairs inspect STORE|PACK [ID...] [-i [--by WHO]] [--tokenizer FILE] [--jsonl]\n" FILTER_USAGE "\n"
        "Shows each sentence with its score, error type, reason and place, and the words that were deleted\n"
        "and inserted: in colour on a terminal, else as [-deleted-]{+inserted+}. All samples when no ID is\n"
        "given. Control characters are shown as symbols.\n\n"
        "With -i a person goes through them on the screen and decides: accept, edit in their own editor, exclude,\n"
        "undo ('?' lists the keys). Every decision is in the log of the store, with who and when, before the\n"
        "screen says so. A later review begins behind the sample that WHO decided last (whoever did, where WHO\n"
        "has decided none), at the next undecided one.\n\n"
        "  -i, --interactive  review the samples of a store\n"
        "  --by WHO          who reviews; the login name when not given\n"
        "  --tokenizer FILE  count and cut in the model's tokens (a file or a checkpoint folder); words when\n"
        "                    not given\n"
        "  --jsonl           a JSON document per sample: every hunk with its bytes, characters and tokens on\n"
        "                    both sides\n\n" FILTER_HELP,
    .run = run,
};
