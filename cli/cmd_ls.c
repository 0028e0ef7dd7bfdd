/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <string.h>

#include "term.h"
#include "view_out.h"

enum { MOST_ID = 42 };

struct ls {
    struct cli *cli;
    opa_json_writer *w; /* NULL: the table */
    size_t id_columns;  /* of the longest id, at most MOST_ID */
    int64_t samples;
};

static int print_jsonl(struct ls *ls, const struct view *v)
{
    opa_json_writer *w = ls->w;
    opa_json_begin_object(w);
    write_identity(w, v);
    opa_json_write_key(w, "edited");
    opa_json_write_bool(w, v->edited);
    opa_json_write_key(w, "excluded");
    opa_json_write_bool(w, v->sample.excluded);
    opa_json_write_key(w, "pairs");
    write_pairs(w, &v->pairs);
    opa_json_write_key(w, "findings");
    codes_json(w, &v->findings);
    opa_json_end_object(w);
    return out_json_line(ls->cli, w);
}

static void print_head(const struct ls *ls)
{
    out_printf(ls->cli, "%s", style_begin(ls->cli, STYLE_BOLD));
    out_cell(ls->cli, OPA_TEXT("id"), ls->id_columns);
    out_printf(ls->cli, "  %-11s %-7s %2s %2s %2s  findings%s\n", "certificate", "state", "L", "I", "A",
               style_end(ls->cli, STYLE_BOLD));
}

static int print_row(void *user, struct view *v)
{
    struct ls *ls = user;
    struct cli *cli = ls->cli;
    if (ls->w != NULL)
        return print_jsonl(ls, v);
    if (ls->samples++ == 0)
        print_head(ls);
    const char *certificate = opa_certificate_name(v->certificate);
    out_cell(cli, v->sample.id, ls->id_columns);
    out_printf(cli, "  %-11s %-7s %2zu %2zu %2zu%s", certificate ? certificate : "-",
               v->sample.excluded ? "excl."
               : v->edited        ? "edited"
                                  : "-",
               v->pairs.language, v->pairs.image, v->pairs.anchor, v->findings.count > 0 ? "  " : "");
    print_codes_line(cli, &v->findings);
    out_printf(cli, "\n");
    return 0;
}

static int list(struct ls *ls, struct source *s, struct filter *filter)
{
    int result = source_note(s, ls->w == NULL && filter_is_at_once(filter));
    ls->id_columns = s->id_columns < MOST_ID ? s->id_columns : MOST_ID;
    if (result == 0)
        result = filter_each(filter, s, NULL, 0, NULL, print_row, ls);
    if (ls->w == NULL && ls->samples == 0 && result == 0)
        out_printf(ls->cli, filter_selects(filter) ? "(no such samples)\n" : "(no samples)\n");
    return result;
}

static int open_and_list(struct ls *ls, struct filter *filter, bool jsonl)
{
    struct cli *cli = ls->cli;
    struct source s;
    int result = source_open(&s, cli, cli->args[0]);
    if (result != 0)
        return result;
    if (jsonl && opa_json_writer_new(cli->ctx, &ls->w) != OPA_OK)
        result = cli_error(cli, EXIT_IO, "out of memory");
    if (result == 0)
        result = list(ls, &s, filter);
    opa_json_writer_free(ls->w);
    source_close(&s);
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    bool jsonl = false;
    struct filter filter = FILTER_INIT;
    struct flag flags[1 + FILTER_FLAGS] = {{"jsonl", 0, FLAG_SWITCH, &jsonl}};
    filter_flags(flags + 1, &filter);
    int go = cli_options(cli, argc, argv, flags, 1 + FILTER_FLAGS);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "a store or a pack")) != GO_ON)
        return go;
    struct ls ls = {.cli = cli};
    int result = filter_prepare(&filter, cli);
    if (result == 0)
        result = open_and_list(&ls, &filter, jsonl);
    filter_release(&filter);
    return result;
}

const struct command cmd_ls = {
    .name = "ls",
    .summary = "list the samples",
    .help = "Example: opapairs ls set.opa --only broken --sort score\n"
            "         opapairs ls set.opa --score 1 --type image_recognition_error --jsonl | jq -r .id\n\n"
            "Usage: opapairs ls STORE|PACK [--jsonl]\n" FILTER_USAGE "\n"
            "One line a sample: certificate, whether it was edited or excluded, its pairs (L language, I image, A\n"
            "anchor) as the default recipe builds them from a store, or as they stand in a pack, and the codes of\n"
            "its findings. A sample that would be left out has no pairs. The table of a pack begins at once: what\n"
            "only a comparison of all samples says (OP602, OP605, OP606) is left to --jsonl, --only, --code and\n"
            "--sort.\n\n"
            "  --jsonl           a JSON document per sample\n\n" FILTER_HELP,
    .run = run,
};
