/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdlib.h>

struct edit {
    struct cli *cli;
    const char *revised, *revised_file, *report, *by;
    char *bytes; /* of the file */
    opa_text text;
};

static int read_text(struct edit *e)
{
    if (e->revised != NULL) {
        e->text = text_of(e->revised);
    } else {
        const char *path = e->revised_file ? e->revised_file : e->report;
        size_t size;
        const int result = read_file(e->cli, &e->bytes, &size, path);
        if (result != 0)
            return result;
        /* Editors end a file with a line break that is not part of the text. */
        if (e->revised_file != NULL && size > 0 && e->bytes[size - 1] == '\n')
            size--;
        e->text = (opa_text){e->bytes, size};
    }
    if (e->report == NULL && !text_is_utf8(e->text))
        return cli_error(e->cli, EXIT_DATA, "%s: the revised text is not UTF-8",
                         e->revised_file ? e->revised_file : "--revised");
    return 0;
}

static int say_result(struct edit *e, opa_store *store, opa_text id)
{
    opa_sample sample;
    opa_assessment assessment = {0};
    int status = opa_store_sample(store, &sample, id);
    if (status == OPA_OK)
        status = opa_assess(e->cli->ctx, &assessment, &sample, NULL, NULL);
    if (status != OPA_OK)
        return cli_fail(e->cli, status, e->cli->args[0]);
    size_t edits = 0;
    for (size_t i = 0; i < assessment.alignment.hunk_count; i++)
        edits += assessment.alignment.hunks[i].op != OPA_KEEP;
    const char *certificate = opa_certificate_name(assessment.alignment.certificate);
    out_printf(e->cli, "%s: %s set, %zu edit%s%s%s\n", e->cli->args[1], e->report ? "report" : "revised text", edits,
               edits == 1 ? "" : "s", certificate ? ", " : "", certificate ? certificate : "");
    opa_assessment_release(&assessment);
    return EXIT_DONE;
}

static int edit(struct edit *e)
{
    struct cli *cli = e->cli;
    const char *path = cli->args[0];
    const opa_text id = text_of(cli->args[1]);
    opa_store *store;
    int result = read_text(e);
    if (result != 0)
        return result;
    int status = opa_store_open(cli->ctx, &store, path);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    opa_findings findings = {0};
    status = e->report ? opa_store_set_report(store, id, e->text, NULL, who(e->by), &findings)
                       : opa_store_set_revised(store, id, e->text, NULL, who(e->by));
    for (size_t i = 0; i < findings.count; i++)
        cli_note_finding(cli, &findings.items[i]);
    opa_findings_release(&findings);
    if (status == OPA_ENOENT)
        result =
            cli_error(cli, EXIT_NO_INPUT, "%s: no sample '%s'; 'opapairs ls %s' lists them", path, cli->args[1], path);
    else
        result = status == OPA_OK ? say_result(e, store, id) : cli_fail(cli, status, e->report ? e->report : path);
    opa_store_free(store);
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct edit e = {.cli = cli};
    const struct flag flags[] = {
        {"revised", 0, FLAG_TEXT, &e.revised},
        {"revised-file", 0, FLAG_TEXT, &e.revised_file},
        {"report", 0, FLAG_TEXT, &e.report},
        {"by", 0, FLAG_TEXT, &e.by},
    };
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof *flags);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "a store and an id")) != GO_ON)
        return go;
    if ((e.revised != NULL) + (e.revised_file != NULL) + (e.report != NULL) != 1)
        return cli_usage(cli, "give exactly one of --revised TEXT, --revised-file FILE and --report FILE");
    if (e.by != NULL && !text_is_utf8(text_of(e.by)))
        return cli_usage(cli, "--by: not UTF-8");
    const int result = edit(&e);
    free(e.bytes);
    return result;
}

const struct command cmd_edit = {
    .name = "edit",
    .summary = "set a sample's revised text or report by hand",
    .help = "Example: opapairs edit set.opa AMBER_32-0d1f6a2b9c3e --revised 'A dog on a beach.' --by anna\n"
            "         opapairs edit set.opa AMBER_32-0d1f6a2b9c3e --report report.json\n\n"
            "Usage: opapairs edit STORE ID (--revised TEXT | --revised-file FILE | --report FILE) [--by WHO]\n\n"
            "The edit goes to the log with its author and time; 'opapairs undo' takes it back. A revised text set\n"
            "by hand is in force whatever the report says; a new report makes the revised text again what the\n"
            "report gives.\n\n"
            "  --revised TEXT       the whole corrected response\n"
            "  --revised-file FILE  the same from a file ('-': standard input), without its last line break\n"
            "  --report FILE        the expert's report as JSON ('-': standard input)\n"
            "  --by WHO             the login name when not given\n",
    .run = run,
};
