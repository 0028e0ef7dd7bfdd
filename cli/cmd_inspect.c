/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "inspect_detail.h"
#include "inspect_json.h"
#include "inspect_overview.h"
#include "inspect_words.h"
#include "pager.h"
#include "review_run.h"

enum { PICTURE_INDENT = 15, PICTURE_LEAST = 10, PICTURE_MOST = 30 };

struct inspect {
    struct cli *cli;
    struct source source;
    struct filter filter;
    const char *tokenizer, *by;
    bool jsonl, interactive, detail, wide, no_image, no_pager;

    opa_encoder *encoder;
    opa_json_writer *w; /* NULL: for people */
    struct detail_options options;
    struct overview overview;
    uint32_t picture_rows;
    struct pager pager;
    struct sheet page; /* what is printed next */
    char *first;       /* the first sample's id, should it stay the only one */
    size_t first_size;
    int64_t samples;
};

/* ---- one sample ---- */

static int inspect_jsonl(struct inspect *in, const struct view *v, const struct hunk_tokens *t)
{
    return inspect_json(in->w, v, t) ? out_json_line(in->cli, in->w) : cli_error(in->cli, EXIT_IO, "out of memory");
}

/* False: it is not shown, or cannot be. */
static bool take_picture(struct inspect *in, opa_image *out, const opa_sample *sample)
{
    opa_text bytes;
    return in->picture_rows > 0 && sample->has_image && source_image(&in->source, &bytes, sample) == OPA_OK &&
           opa_image_thumbnail(in->cli->ctx, out, bytes, (uint32_t)in->options.columns - PICTURE_INDENT,
                               2 * in->picture_rows, NULL) == OPA_OK;
}

static int show_detail(struct inspect *in, const struct view *v, const struct hunk_tokens *t)
{
    opa_image image = {0};
    struct detail_options options = in->options;
    options.picture = take_picture(in, &image, &v->sample) ? &image : NULL;
    sheet_clear(&in->page);
    const int status = inspect_detail(&in->page, &options, v, t);
    opa_image_release(&image);
    sheet_end_line(&in->page);
    return status == OPA_OK ? pager_print(&in->pager, &in->page) : cli_fail(in->cli, status, in->source.path);
}

/* The head and the first line wait for the second one: a list of one would say little. */
static int show_line(struct inspect *in, const struct view *v, const struct hunk_tokens *t)
{
    if (in->samples > 2)
        sheet_clear(&in->page);
    if (in->samples > 1) {
        overview_row(&in->page, &in->overview, v, t);
        return pager_print(&in->pager, &in->page);
    }
    in->overview = overview_layout(in->options.columns, in->source.id_columns);
    overview_head(&in->page, &in->overview);
    overview_row(&in->page, &in->overview, v, t);
    in->first_size = v->sample.id.size;
    in->first = malloc(in->first_size + 1);
    if (in->first == NULL)
        return cli_error(in->cli, EXIT_IO, "out of memory");
    memcpy(in->first, v->sample.id.data, in->first_size);
    return 0;
}

static int show(void *user, struct view *v)
{
    struct inspect *in = user;
    struct hunk_tokens tokens = {0};
    const int status = hunk_tokens_make(&tokens, in->encoder, v);
    in->samples++;
    int result;
    if (status != OPA_OK)
        result = cli_fail(in->cli, status, in->source.path);
    else if (in->w != NULL)
        result = inspect_jsonl(in, v, &tokens);
    else
        result = in->detail ? show_detail(in, v, &tokens) : show_line(in, v, &tokens);
    hunk_tokens_release(&tokens);
    return result;
}

/* The only sample of the overview, in detail. */
static int show_alone(struct inspect *in)
{
    opa_sample sample;
    struct view view;
    int result = source_find(&in->source, &sample, (opa_text){in->first, in->first_size});
    if (result == 0)
        result = source_view(&in->source, &view, &sample);
    if (result != 0)
        return result;
    in->detail = true;
    result = show(in, &view);
    view_release(&view);
    return result;
}

/* ---- all of them ---- */

/* A thumbnail takes half of the screen's rows; 0: there are none. Asked while standard output is the terminal yet. */
static uint32_t picture_rows(const struct inspect *in)
{
    const size_t half = term_rows() / 2;
    if (!in->cli->color_out || in->no_image || !term_has_true_color(STDOUT_FILENO) || !term_is_utf8())
        return 0;
    return half < PICTURE_LEAST ? PICTURE_LEAST : half > PICTURE_MOST ? PICTURE_MOST : (uint32_t)half;
}

static void set_options(struct inspect *in)
{
    const size_t columns = term_columns();
    in->options = (struct detail_options){.ctx = in->cli->ctx,
                                          .columns = columns,
                                          .wide = in->wide && columns >= WORDS_WIDE_COLUMNS,
                                          .token_kind = opa_tokenizer_kind(in->source.tokenizer)};
    if (in->wide && !in->options.wide && in->w == NULL)
        cli_note(in->cli, "--wide takes %d columns and there are %zu: one text is shown through the other",
                 WORDS_WIDE_COLUMNS, columns);
    in->picture_rows = picture_rows(in);
    in->detail = in->detail || in->wide || in->cli->arg_count > 1;
}

static int show_all(struct inspect *in)
{
    struct cli *cli = in->cli;
    pager_begin(&in->pager, cli, in->w == NULL && !in->no_pager);
    int result = filter_each(&in->filter, &in->source, cli->args + 1, cli->arg_count - 1, NULL, show, in);
    int shown = 0;
    if (in->w == NULL && !in->detail && in->samples == 1)
        shown = show_alone(in);
    result = result ? result : shown;
    shown = pager_end(&in->pager);
    if (in->w == NULL && in->samples == 0 && result == 0)
        out_printf(cli, filter_selects(&in->filter) ? "(no such samples)\n" : "(no samples)\n");
    return result ? result : shown;
}

static int inspect(struct inspect *in)
{
    opa_context *ctx = in->cli->ctx;
    const int result = source_note(&in->source, !in->jsonl && filter_is_at_once(&in->filter));
    if (result != 0)
        return result;
    if (opa_encoder_new(ctx, &in->encoder, in->source.tokenizer) != OPA_OK ||
        (in->jsonl && opa_json_writer_new(ctx, &in->w) != OPA_OK))
        return cli_error(in->cli, EXIT_IO, "out of memory");
    set_options(in);
    return show_all(in);
}

static int open_and_inspect(struct inspect *in)
{
    struct cli *cli = in->cli;
    int result = source_open(&in->source, cli, cli->args[0]);
    if (result != 0)
        return result;
    result = source_tokenizer(&in->source, in->tokenizer);
    if (result == 0)
        result = in->interactive
                     ? review_run(&in->source, &in->filter, cli->args + 1, cli->arg_count - 1, who(in->by), in->wide)
                     : inspect(in);
    sheet_release(&in->page);
    free(in->first);
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
    const int result = in->interactive ? review_terminal(in->cli) : 0;
    return result ? result : filter_prepare(&in->filter, in->cli);
}

static int run(struct cli *cli, int argc, char **argv)
{
    enum { OWN = 8 };
    struct inspect in = {.cli = cli, .filter = FILTER_INIT};
    struct flag flags[OWN + FILTER_FLAGS] = {
        {"tokenizer", 0, FLAG_TEXT, &in.tokenizer},
        {"jsonl", 0, FLAG_SWITCH, &in.jsonl},
        {"detail", 0, FLAG_SWITCH, &in.detail},
        {"wide", 0, FLAG_SWITCH, &in.wide},
        {"no-image", 0, FLAG_SWITCH, &in.no_image},
        {"no-pager", 0, FLAG_SWITCH, &in.no_pager},
        {"by", 0, FLAG_WHO, &in.by},
        {"interactive", 'i', FLAG_SWITCH, &in.interactive},
    };
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
    .summary = "show what the expert changed, sample by sample, sentence by sentence",
    .help = "Example: opapairs inspect set.opa --only edited --sort edit-share\n"
            "         opapairs inspect set.opa AMBER_32-0d1f6a2b9c3e --wide\n"
            "         opapairs inspect -i set.opa --only broken,warning --by anna\n"
            "         opapairs inspect set.opa --tokenizer llava-1.5-7b-hf/ --jsonl > edits.jsonl\n\n"
            "Usage: opapairs inspect STORE|PACK [ID...] [--detail] [--wide] [--tokenizer FILE] [--jsonl]\n"
            "         [--no-image] [--no-pager] [-i [--by WHO]]\n" FILTER_USAGE "\n"
            "Without ids, one line a sample (or the details, where it is only one): id; x excluded, ! otherwise\n"
            "left out of packs, + accepted, * changed by hand, . seen; certificate; share of the tokens of both\n"
            "texts that were edited; worst score; findings, errors first; the first edit. On less than 64 columns\n"
            "the certificate is a mark (= exact, ~ repaired, ? ambiguous, ! broken, - none), and findings that are\n"
            "only infos are left out. Of a pack, what only a comparison of all samples says (OP602, OP605, OP606)\n"
            "is left to --jsonl, --only, --code and --sort, so that the first line is there at once.\n\n"
            "With ids, the details: each sentence with its score, error type, place, objects and reason, and the\n"
            "words that were [-deleted-] and {+inserted+}, in colour on a terminal.\n"
            "Control characters are shown as symbols. On a terminal with 24-bit colours the image is shown too.\n"
            "What is longer than the screen goes through a pager.\n\n"
            "With -i a person goes through them on the screen and decides: accept, edit in their own editor, exclude,\n"
            "undo ('?' lists the keys). Every decision is in the log of the store, with who and when, before the\n"
            "screen says so. A later review begins behind the sample that WHO decided last (whoever did, where WHO\n"
            "has decided none), at the next undecided one.\n\n"
            "  -i, --interactive  review the samples of a store\n"
            "  --by WHO           who reviews; the login name when not given\n"
            "  --detail           the details of all samples, not only of those named\n"
            "  --wide             the details with the generated text on the left and the revised one on the\n"
            "                     right; takes 72 columns\n"
            "  --tokenizer FILE   count and cut in the model's tokens (a file or a checkpoint folder); words when\n"
            "                     not given\n"
            "  --jsonl            a JSON document per sample: every hunk with its bytes, characters and tokens on\n"
            "                     both sides\n"
            "  --no-image         never show the image\n"
            "  --no-pager         print everything at once\n\n" FILTER_HELP,
    .run = run,
};
