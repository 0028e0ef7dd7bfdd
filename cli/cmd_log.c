/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "term.h"

struct log {
    struct cli *cli;
    opa_json_writer *w; /* NULL: the plain form */
    bool one;           /* of one sample: its id is not repeated */
    int64_t count;
};

static int print_jsonl(struct log *l, const opa_edit *e)
{
    opa_json_writer *w = l->w;
    opa_json_begin_object(w);
    opa_json_write_key(w, "sequence");
    opa_json_write_integer(w, e->sequence);
    opa_json_write_key(w, "id");
    opa_json_write_text(w, e->id);
    opa_json_write_key(w, "what");
    opa_json_write_string(w, opa_edit_what_name(e->what));
    opa_json_write_key(w, "by");
    opa_json_write_text(w, e->by);
    opa_json_write_key(w, "at");
    opa_json_write_text(w, e->at);
    opa_json_write_key(w, "why");
    opa_json_write_text(w, e->why);
    opa_json_write_key(w, "undoes");
    if (e->undoes > 0)
        opa_json_write_integer(w, e->undoes);
    else
        opa_json_write_null(w);
    opa_json_write_key(w, "excluded");
    opa_json_write_bool(w, e->excluded);
    opa_json_write_key(w, "revised");
    opa_json_write_text(w, e->revised);
    opa_json_write_key(w, "report");
    if (e->report.data != NULL)
        opa_json_write_raw(w, e->report);
    else
        opa_json_write_null(w);
    opa_json_end_object(w);
    return out_json_line(l->cli, w);
}

static int print_edit(void *user, const opa_edit *e)
{
    struct log *l = user;
    struct cli *cli = l->cli;
    l->count++;
    if (l->w != NULL)
        return print_jsonl(l, e);
    out_printf(cli, "%6lld  ", (long long)e->sequence);
    out_cell(cli, e->at, 20);
    out_printf(cli, "  %s%-8s%s  ", style_begin(cli, STYLE_BOLD), opa_edit_what_name(e->what),
               style_end(cli, STYLE_BOLD));
    out_cell(cli, e->by.data ? e->by : OPA_TEXT("-"), 12);
    if (!l->one) {
        out_printf(cli, "  ");
        out_visible(cli, e->id, 0);
    }
    if (e->undoes > 0)
        out_printf(cli, "  takes back %lld", (long long)e->undoes);
    if (e->why.data != NULL) {
        out_printf(cli, "  ");
        out_visible(cli, e->why, 0);
    }
    out_printf(cli, "\n");
    return !out_alive(cli);
}

static int show_log(struct log *l, opa_store *store, const char *path, const char *id)
{
    struct cli *cli = l->cli;
    opa_sample sample;
    int status = id ? opa_store_sample(store, &sample, text_of(id)) : OPA_OK;
    if (status == OPA_ENOENT)
        return cli_error(cli, EXIT_NO_INPUT, "%s: no sample '%s'; 'opapairs ls %s' lists them", path, id, path);
    if (status == OPA_OK)
        status = opa_store_log(store, text_of(id), print_edit, l);
    return status == OPA_OK || !out_alive(cli) ? EXIT_DONE : cli_fail(cli, status, path);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct log l = {.cli = cli};
    bool jsonl = false;
    const struct flag flags[] = {{"jsonl", 0, FLAG_SWITCH, &jsonl}};
    int go = cli_options(cli, argc, argv, flags, 1);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 2, "a store, and perhaps an id")) != GO_ON)
        return go;
    const char *path = cli->args[0], *id = cli->arg_count > 1 ? cli->args[1] : NULL;
    opa_store *store;
    const int status = opa_store_open(cli->ctx, &store, path);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    l.one = id != NULL;
    int result = jsonl && opa_json_writer_new(cli->ctx, &l.w) != OPA_OK ? cli_error(cli, EXIT_IO, "out of memory") : 0;
    if (result == 0)
        result = show_log(&l, store, path, id);
    opa_json_writer_free(l.w);
    opa_store_free(store);
    return result;
}

const struct command cmd_log = {
    .name = "log",
    .summary = "show who changed what, and when",
    .help = "Example: opapairs log set.opa AMBER_32-0d1f6a2b9c3e\n\n"
            "Usage: opapairs log STORE [ID] [--jsonl]\n\n"
            "The append-only log of imports, edits, exclusions and what was taken back, oldest first.\n\n"
            "  --jsonl  a JSON document per entry, with the revised text and the report after it\n",
    .run = run,
};
