/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "moment.h"
#include "pager.h"
#include "source.h"

/* Imports of one file, one after the other, are one line. */
struct imports {
    int64_t first, last, count;
    char file[256], by[128], at[32];
};

struct log {
    struct cli *cli;
    opa_store *store;
    opa_json_writer *w; /* NULL: for people */
    bool one;           /* of one sample: its id is not repeated, its import is not gathered */
    bool patch, no_pager;
    struct pager pager;
    struct imports imports;
    int result; /* what stopped it */
};

/* ---- as documents ---- */

static int print_jsonl(struct log *l, const opa_edit *e)
{
    opa_json_writer *w = l->w;
    const struct {
        const char *key;
        opa_text text;
    } texts[] = {
        {"id", e->id}, {"what", text_of(opa_edit_what_name(e->what))}, {"by", e->by}, {"at", e->at}, {"why", e->why}};
    opa_json_begin_object(w);
    opa_json_write_key(w, "sequence");
    opa_json_write_integer(w, e->sequence);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        opa_json_write_key(w, texts[i].key);
        opa_json_write_text(w, texts[i].text);
    }
    opa_json_write_key(w, "undoes");
    if (e->undoes > 0)
        opa_json_write_integer(w, e->undoes);
    else
        opa_json_write_null(w);
    opa_json_write_key(w, "excluded");
    opa_json_write_bool(w, e->excluded);
    opa_json_write_key(w, "revised");
    opa_json_write_text(w, e->revised);
    opa_json_write_key(w, "by_hand");
    opa_json_write_bool(w, e->by_hand);
    opa_json_write_key(w, "ground_truth");
    opa_json_write_text(w, e->ground_truth);
    opa_json_write_key(w, "report");
    if (e->report.data != NULL)
        opa_json_write_raw(w, e->report);
    else
        opa_json_write_null(w);
    opa_json_end_object(w);
    return out_json_line(l->cli, w);
}

/* ---- for people ---- */

/* "   49  2026-11-25T18:26:03Z  revised  AMBER_32-..." and the wrap for what follows; narrow pages begin that on a line of
 * its own. */
static struct wrap begin_entry(struct sheet *out, int64_t first, opa_text at, const char *what)
{
    enum { INDENT = 8, NARROW = 64 };
    struct wrap w = {.sheet = out, .indent = INDENT, .columns = term_columns()};
    char number[32];
    snprintf(number, sizeof number, "%6lld  ", (long long)first);
    sheet_visible(out, text_of(number), 0, STYLE_DIM);
    sheet_cell(out, at, 20, STYLE_PLAIN);
    sheet_spaces(out, 2, STYLE_PLAIN);
    sheet_visible(out, text_of(what), 0, STYLE_BOLD);
    w.column = INDENT + 20 + 2 + strlen(what);
    if (w.columns < NARROW) {
        sheet_end_line(out);
        w.column = 0;
    } else {
        const size_t fill = strlen(what) < 8 ? 8 - strlen(what) : 0;
        sheet_spaces(out, fill + 2, STYLE_PLAIN);
        w.column += fill + 2;
    }
    return w;
}

static int put_imports(struct log *l)
{
    struct imports *i = &l->imports;
    struct sheet sheet = {0};
    char number[32];
    if (i->count == 0)
        return 0;
    struct wrap w = begin_entry(&sheet, i->first, text_of(i->at), "import");
    wrap_string(&w, i->file, STYLE_PLAIN);
    wrap_printf(&w, STYLE_PLAIN, "  %s sample%s", thousands(number, i->count), i->count == 1 ? "" : "s");
    if (i->last > i->first)
        wrap_printf(&w, STYLE_DIM, " (entries %lld to %lld)", (long long)i->first, (long long)i->last);
    if (strcmp(i->by, "import") != 0)
        wrap_printf(&w, STYLE_PLAIN, "  by %s", i->by);
    wrap_end(&w);
    const int result = pager_print(&l->pager, &sheet);
    sheet_release(&sheet);
    *i = (struct imports){0};
    return result;
}

static int gather(struct log *l, const opa_edit *e)
{
    struct imports now = {.first = e->sequence, .last = e->sequence, .count = 1}, *i = &l->imports;
    text_copy(now.file, sizeof now.file, e->why);
    text_copy(now.by, sizeof now.by, e->by);
    text_copy(now.at, sizeof now.at, e->at);
    if (i->count > 0 && strcmp(i->file, now.file) == 0 && strcmp(i->by, now.by) == 0 && strcmp(i->at, now.at) == 0) {
        i->last = e->sequence;
        i->count++;
        return 0;
    }
    const int result = put_imports(l);
    *i = now;
    return result;
}

/* The sample after an entry; what the log does not tell is as it is today. */
static int take(struct log *l, struct moment *out, const opa_edit *e)
{
    opa_sample sample;
    int status = opa_store_sample(l->store, &sample, e->id);
    sample.revised = e->revised;
    sample.revised_by_hand = e->by_hand;
    sample.report = e->report;
    sample.ground_truth = e->ground_truth;
    sample.excluded = e->excluded;
    if (status == OPA_OK)
        status = moment_take(out, l->cli->ctx, &sample);
    return status == OPA_OK ? 0 : cli_fail(l->cli, status, l->cli->args[0]);
}

/* "re-edited (3 edits), re-scored" */
static void put_kinds(struct log *l, struct wrap *w, const struct happened *what)
{
    const char *before = "  ";
    for (int k = 0; k < KIND_COUNT; k++) {
        /* The entry's name says it already. */
        if (!(what->kinds >> k & 1) || k == KIND_EXCLUDED)
            continue;
        wrap_printf(w, STYLE_PLAIN, "%s%s", before, KIND_LABELS[k]);
        before = ", ";
        const int edits =
            k == KIND_EDITED ? words_count(l->cli->ctx, what->faces[0].revised, what->faces[1].revised) : 0;
        if (edits > 0)
            wrap_printf(w, STYLE_PLAIN, " (%d edit%s)", edits, edits == 1 ? "" : "s");
    }
}

static void put_entry(struct log *l, struct sheet *sheet, const opa_edit *e, const struct happened *what)
{
    struct wrap w = begin_entry(sheet, e->sequence, e->at, opa_edit_what_name(e->what));
    if (!l->one)
        wrap_text(&w, e->id, STYLE_PLAIN);
    if (e->by.data != NULL && (e->what != OPA_EDIT_IMPORT || !text_equal(e->by, OPA_TEXT("import")))) {
        wrap_string(&w, l->one ? "by " : "  by ", STYLE_PLAIN);
        wrap_text(&w, e->by, STYLE_PLAIN);
    }
    if (e->undoes > 0)
        wrap_printf(&w, STYLE_PLAIN, "  takes back %lld", (long long)e->undoes);
    if (what != NULL)
        put_kinds(l, &w, what);
    if (e->why.data != NULL) {
        wrap_string(&w, "  ", STYLE_PLAIN);
        wrap_text(&w, e->why, STYLE_DIM);
    }
    wrap_end(&w);
}

static int print_change(struct log *l, const opa_edit *e)
{
    struct moment before = {0}, after = {0};
    struct happened what;
    struct sheet sheet = {0};
    int result = take(l, &before, e->before);
    if (result == 0)
        result = take(l, &after, e);
    if (result == 0)
        result = moments_compare(&what, l->cli, &before, &after);
    if (result == 0) {
        put_entry(l, &sheet, e, &what);
        if (l->patch && what.fields != 0) {
            result = moments_page(&sheet, l->cli, &what);
            sheet_end_line(&sheet);
        }
    }
    if (result == 0)
        result = pager_print(&l->pager, &sheet);
    sheet_release(&sheet);
    moment_release(&before);
    moment_release(&after);
    return result;
}

static int print_plain(struct log *l, const opa_edit *e)
{
    if (e->before == NULL && !l->one)
        return gather(l, e);
    const int result = put_imports(l);
    if (result != 0 || e->before != NULL)
        return result != 0 ? result : print_change(l, e);
    struct sheet sheet = {0};
    put_entry(l, &sheet, e, NULL);
    const int printed = pager_print(&l->pager, &sheet);
    sheet_release(&sheet);
    return printed;
}

static int print_edit(void *user, const opa_edit *e)
{
    struct log *l = user;
    l->result = l->w ? print_jsonl(l, e) : print_plain(l, e);
    return l->result != 0 || !out_alive(l->cli);
}

static int show_log(struct log *l, const char *path, const char *id)
{
    struct cli *cli = l->cli;
    opa_sample sample;
    int status = id ? opa_store_sample(l->store, &sample, text_of(id)) : OPA_OK;
    if (status == OPA_ENOENT)
        return unknown_id(cli, path, l->store, NULL, text_of(id));
    pager_begin(&l->pager, cli, l->w == NULL && !l->no_pager);
    if (status == OPA_OK)
        status = opa_store_log(l->store, text_of(id), print_edit, l);
    if (l->result == 0 && status == OPA_OK)
        l->result = put_imports(l);
    const int ended = pager_end(&l->pager);
    if (l->result == 0)
        l->result = ended;
    if (l->result != 0 || status == OPA_OK || !out_alive(cli))
        return l->result;
    return cli_fail(cli, status, path);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct log l = {.cli = cli};
    bool jsonl = false;
    const struct flag flags[] = {{"jsonl", 0, FLAG_SWITCH, &jsonl},
                                 {"patch", 'p', FLAG_SWITCH, &l.patch},
                                 {"no-pager", 0, FLAG_SWITCH, &l.no_pager}};
    int go = cli_options(cli, argc, argv, flags, 3);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 2, "a store, and perhaps an id")) != GO_ON)
        return go;
    if (jsonl && l.patch)
        return cli_usage(cli, "--jsonl has the whole texts of each entry: give it without --patch");
    const char *path = cli->args[0], *id = cli->arg_count > 1 ? cli->args[1] : NULL;
    int status = opa_store_open(cli->ctx, &l.store, path);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    l.one = id != NULL;
    if (jsonl)
        status = opa_json_writer_new(cli->ctx, &l.w);
    const int result = status == OPA_OK ? show_log(&l, path, id) : cli_error(cli, EXIT_IO, "out of memory");
    opa_json_writer_free(l.w);
    opa_store_free(l.store);
    return result;
}

const struct command cmd_log = {
    .name = "log",
    .summary = "show who changed what, and when",
    .help = "Example: opapairs log set.opa AMBER_32-0d1f6a2b9c3e -p\n\n"
            "Usage: opapairs log STORE [ID] [-p | --jsonl] [--no-pager]\n\n"
            "The append-only log of imports, edits, acceptances, exclusions and what was taken back, oldest first:\n"
            "number, time (UTC), what, which sample, by whom, how it changed, and why. Samples that one import made\n"
            "of one file are one line.\n\n"
            "  -p, --patch  the words and scores that each entry changed, and what followed from it\n"
            "  --jsonl      a JSON document per entry, with revised text, ground truth and report after it\n"
            "  --no-pager   print everything at once\n",
    .run = run,
};
