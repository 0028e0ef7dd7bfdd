/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "moment.h"
#include "source.h"

struct edit {
    struct cli *cli;
    const char *revised, *revised_file, *report, *why, *by;
    bool dry_run;
    char *bytes; /* of the file */
    opa_text text;
    opa_store *store;
};

static const char *name_of_text(const struct edit *e)
{
    return e->report ? e->report : e->revised_file ? e->revised_file : "--revised";
}

static int read_text(struct edit *e)
{
    struct cli *cli = e->cli;
    if (e->revised != NULL) {
        e->text = text_of(e->revised);
    } else {
        size_t size;
        const int result = read_file(cli, &e->bytes, &size, name_of_text(e));
        if (result != 0)
            return result;
        /* Editors end a file with a line break that is not part of the text. */
        if (e->revised_file != NULL && size > 0 && e->bytes[size - 1] == '\n')
            size--;
        e->text = (opa_text){e->bytes ? e->bytes : "", size};
    }
    if (!text_is_utf8(e->text))
        return cli_error(cli, EXIT_DATA, "%s: the %s is not UTF-8", name_of_text(e),
                         e->report ? "report" : "revised text");
    if (!opa_text_blank(e->text))
        return 0;
    if (e->report != NULL)
        return cli_error(cli, EXIT_DATA, "%s: there is no report in it", e->report);
    return cli_error(cli, EXIT_DATA,
                     "%s: the revised text is empty, and no pair could be built from it; to keep the sample out of "
                     "packs: opapairs exclude %s %s --why TEXT",
                     name_of_text(e), cli->args[0], cli->args[1]);
}

static int set(struct edit *e, opa_store *store, opa_text id)
{
    opa_findings findings = {0};
    struct cli *cli = e->cli;
    const int status = e->report ? opa_store_set_report(store, id, e->text, e->why, who(e->by), &findings)
                                 : opa_store_set_revised(store, id, e->text, e->why, who(e->by));
    /* Those of a report that was taken are told with the sample. */
    for (size_t i = 0; i < findings.count && status != OPA_OK; i++) {
        opa_finding *f = &findings.items[i];
        if (f->file == NULL)
            f->file = strdup(e->report);
        cli_note_finding(cli, f);
    }
    opa_findings_release(&findings);
    return status == OPA_OK ? 0 : cli_fail(cli, status, e->report ? e->report : cli->args[0]);
}

/* "AMBER_32-ed69b180e76d  re-edited, re-scored" */
static void put_heading(struct sheet *out, const struct happened *what)
{
    struct wrap w = {.sheet = out, .indent = 2, .columns = term_columns()};
    wrap_text(&w, what->faces[1].sample->id, STYLE_BOLD);
    wrap_string(&w, "  ", STYLE_PLAIN);
    wrap_kinds(&w, what->kinds);
    wrap_end(&w);
}

/* Make the edit through a handle, and see what it did. */
static int make(struct edit *e, opa_store *store, struct moment *after, opa_text id)
{
    const int result = set(e, store, id);
    return result == 0 ? moment_of(after, e->cli, store, id) : result;
}

static int rehearse(struct edit *e, struct moment *after, opa_text id)
{
    struct cli *cli = e->cli;
    opa_store *store;
    int result = store_to_edit(cli, &store, cli->args[0]);
    if (result != 0)
        return result;
    const int status = opa_store_rehearse(store);
    result = status == OPA_OK ? make(e, store, after, id) : cli_fail(cli, status, cli->args[0]);
    opa_store_free(store);
    return result;
}

static int say(struct edit *e, const struct happened *what)
{
    struct sheet sheet = {0};
    put_heading(&sheet, what);
    int result = moments_page(&sheet, e->cli, what);
    if (result == 0)
        result = sheet_print(e->cli, &sheet);
    sheet_release(&sheet);
    if (result == 0 && e->dry_run)
        out_printf(e->cli, "nothing is written: this was a dry run\n");
    return result;
}

static int edit_now(struct edit *e, const struct moment *before, opa_text id)
{
    struct moment after = {0};
    struct happened what;
    int result = make(e, e->store, &after, id);
    if (result == 0)
        result = moments_compare(&what, e->cli, before, &after);
    if (result == 0)
        result = say(e, &what);
    moment_release(&after);
    return result;
}

/* Rehearsed first: what would change nothing that counts, white space in a report say, is not made. */
static int edit(struct edit *e)
{
    const opa_text id = text_of(e->cli->args[1]);
    struct moment before = {0}, after = {0};
    struct happened what;
    int result = moment_of(&before, e->cli, e->store, id);
    if (result == 0)
        result = rehearse(e, &after, id);
    if (result == 0)
        result = moments_compare(&what, e->cli, &before, &after);
    if (result == 0 && what.fields == 0)
        out_printf(e->cli, "%s: it is so already, nothing is changed\n", e->cli->args[1]);
    else if (result == 0)
        result = e->dry_run ? say(e, &what) : edit_now(e, &before, id);
    moment_release(&before);
    moment_release(&after);
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct edit e = {.cli = cli};
    const struct flag flags[] = {
        {"revised", 0, FLAG_TEXT, &e.revised},
        {"revised-file", 0, FLAG_TEXT, &e.revised_file},
        {"report", 0, FLAG_TEXT, &e.report},
        {"why", 0, FLAG_TEXT, &e.why},
        {"by", 0, FLAG_WHO, &e.by},
        {"dry-run", 'n', FLAG_SWITCH, &e.dry_run},
    };
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof *flags);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "a store and an id")) != GO_ON)
        return go;
    if ((e.revised != NULL) + (e.revised_file != NULL) + (e.report != NULL) != 1)
        return cli_usage(cli, "give exactly one of --revised TEXT, --revised-file FILE and --report FILE");
    if (e.why != NULL && !text_is_utf8(text_of(e.why)))
        return cli_usage(cli, "--why must be UTF-8");
    int result = store_to_edit(cli, &e.store, cli->args[0]);
    if (result == 0)
        result = read_text(&e);
    if (result == 0)
        result = edit(&e);
    opa_store_free(e.store);
    free(e.bytes);
    return result;
}

const struct command cmd_edit = {
    .name = "edit",
    .summary = "set a sample's revised text or report by hand",
    .help = "Example: opapairs edit set.opa AMBER_32-0d1f6a2b9c3e --revised 'A dog on a beach.' --by anna\n"
            "         opapairs edit set.opa AMBER_32-0d1f6a2b9c3e --report report.json --dry-run\n\n"
            "Usage: opapairs edit STORE ID (--revised TEXT | --revised-file FILE | --report FILE)\n"
            "                     [--why TEXT] [--by WHO] [-n]\n\n"
            "Shows the words that changed, and the certificate and findings where they did. The edit goes to the log\n"
            "with its author and time; 'opapairs undo' takes it back. A revised text set by hand is in force\n"
            "whatever the report says; a new report makes the revised text again what the report gives. An edit\n"
            "that changes nothing says so, and is not logged.\n\n"
            "  --revised TEXT       the whole corrected response\n"
            "  --revised-file FILE  the same from a file ('-': standard input), without its last line break\n"
            "  --report FILE        the expert's report as JSON ('-': standard input)\n"
            "  --why TEXT           stands in the log\n"
            "  --by WHO             the login name when not given\n"
            "  -n, --dry-run        show what it would do, and do nothing\n",
    .run = run,
};
