/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum { FINDINGS_SHOWN = 20 };

/* Of one run, given to both callbacks. */
struct import {
    struct cli *cli;
    struct progress progress;
    int64_t findings;
};

static int on_progress(void *user, const opa_progress *now)
{
    struct import *im = user;
    progress_show(&im->progress, now);
    return 0;
}

/* What a record has that can be trained on is for 'check' to say. */
static bool is_told(int code)
{
    return code_severity(code) == OPA_ERROR || code == OPA_F_FILE_SYNTAX || code == OPA_F_DUPLICATE_RECORD ||
           code == OPA_F_REVISION || code == OPA_F_IMAGE_PASSED_OVER;
}

/* A file that could not be read at all is always named; of the records, the first ones. */
static int on_finding(void *user, const opa_finding *finding)
{
    struct import *im = user;
    if (!is_told(finding->code))
        return 0;
    if (finding->code == OPA_F_JSON_INVALID && finding->record < 0 && finding->line == 0)
        cli_note(im->cli, "%s: %s", finding->file ? finding->file : "-",
                 finding->message ? finding->message : "unreadable");
    else if (im->findings++ < FINDINGS_SHOWN)
        cli_note_finding(im->cli, finding);
    return 0;
}

static int list_formats(struct cli *cli)
{
    size_t count;
    const opa_format_info *formats = opa_formats(&count);
    for (size_t i = 0; i < count; i++)
        out_printf(cli, "%-10s %s\n", formats[i].name, formats[i].description);
    return EXIT_DONE;
}

static int check_format(struct cli *cli, const char *name)
{
    const char *names[16] = {NULL};
    size_t count;
    const opa_format_info *formats = opa_formats(&count);
    for (size_t i = 0; i < count && i < 15; i++) {
        if (strcmp(name, formats[i].name) == 0)
            return GO_ON;
        names[i] = formats[i].name;
    }
    const char *near = cli_nearest(name, names);
    return cli_usage(cli, "--as: no format '%s'%s%s%s; 'opapairs import --list-formats' lists them", name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static void print_line(struct cli *cli, const char *what, int64_t n, const char *remark)
{
    char number[32];
    if (n > 0)
        out_printf(cli, "  %-12s %10s%s%s\n", what, thousands(number, n), remark[0] ? "  " : "", remark);
}

static void print_report(struct cli *cli, const opa_import_report *r, const char *path, bool dry_run)
{
    char a[32], b[32];
    out_printf(cli, "%s records in %s file%s, %.1f MB%s\n", thousands(a, r->records), thousands(b, r->files),
               r->files == 1 ? "" : "s", (double)r->bytes / 1e6, dry_run ? " (dry run: nothing was written)" : "");
    print_line(cli, "added", r->samples_added, "new samples");
    print_line(cli, "attached", r->attached, "answers and edits of known samples");
    print_line(cli, "revised", r->revisions, "known samples with another report or revised text");
    print_line(cli, "known", r->known, "there already");
    print_line(cli, "merged", r->merged, "byte-equal copies");
    print_line(cli, "quarantined", r->quarantined, "kept with their bytes, not samples");
    print_line(cli, "images", r->images_added, "new");
    if (r->files_failed > 0)
        print_line(cli, "files failed", r->files_failed, "no record of them could be read");
    if (r->samples_added > 0) {
        out_printf(cli, "  certificates ");
        const char *before = "";
        for (int c = OPA_EXACT; c <= OPA_BROKEN; c++, before = ", ")
            out_printf(cli, "%s%s %s", before, thousands(a, r->certificates[c]),
                       opa_certificate_name((opa_certificate)c));
        if (r->certificates[OPA_CERTIFICATE_NONE] > 0)
            out_printf(cli, ", %s without a report", thousands(a, r->certificates[OPA_CERTIFICATE_NONE]));
        out_printf(cli, "\n");
    }
    if (!dry_run)
        out_printf(cli, "next: opapairs check %s\n", path);
}

static int print_json(struct cli *cli, const opa_import_report *r)
{
    const struct {
        const char *key;
        int64_t n;
    } fields[] = {
        {"files", r->files},
        {"files_failed", r->files_failed},
        {"records", r->records},
        {"added", r->samples_added},
        {"attached", r->attached},
        {"revisions", r->revisions},
        {"known", r->known},
        {"merged", r->merged},
        {"quarantined", r->quarantined},
        {"images", r->images_added},
        {"bytes", r->bytes},
    };
    opa_json_writer *w;
    if (opa_json_writer_new(cli->ctx, &w) != OPA_OK)
        return cli_error(cli, EXIT_IO, "out of memory");
    opa_json_begin_object(w);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        opa_json_write_key(w, fields[i].key);
        opa_json_write_integer(w, fields[i].n);
    }
    opa_json_write_key(w, "certificates");
    opa_json_begin_object(w);
    for (int c = OPA_CERTIFICATE_NONE; c <= OPA_BROKEN; c++) {
        opa_json_write_key(w, c == OPA_CERTIFICATE_NONE ? "none" : opa_certificate_name((opa_certificate)c));
        opa_json_write_integer(w, r->certificates[c]);
    }
    opa_json_end_object(w);
    opa_json_end_object(w);
    const int result = out_json_line(cli, w);
    opa_json_writer_free(w);
    return result;
}

static int import(struct cli *cli, opa_import_options *options, bool json)
{
    const char *path = cli->args[0];
    opa_store *store;
    int status = opa_store_open(cli->ctx, &store, path);
    if (status == OPA_ENOENT)
        return cli_error(cli, EXIT_NO_INPUT, "%s: no such store; make it with 'opapairs init %s'", path, path);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    struct import im = {.cli = cli};
    progress_start(&im.progress, cli);
    options->progress = on_progress;
    options->finding = on_finding;
    options->user = &im;
    opa_import_report report = {0};
    status = opa_store_import(store, (const char *const *)cli->args + 1, (size_t)cli->arg_count - 1, options, &report);
    progress_clear(cli);
    int result = status != OPA_OK ? cli_fail(cli, status, NULL) : EXIT_DONE;
    if (status == OPA_OK && im.findings > FINDINGS_SHOWN)
        cli_note(cli, "... and %lld more: opapairs check %s", (long long)(im.findings - FINDINGS_SHOWN), path);
    if (status == OPA_OK && report.files_failed > 0)
        result = cli_exit_of(report.worst_status);
    else if (status == OPA_OK && report.quarantined > 0)
        result = EXIT_FINDING;
    if (status == OPA_OK && json)
        print_json(cli, &report);
    else if (status == OPA_OK)
        print_report(cli, &report, path, options->dry_run);
    opa_store_free(store);
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    opa_import_options options = OPA_IMPORT_OPTIONS_INIT;
    bool formats = false, json = false;
    int64_t threads = 0;
    const struct flag flags[] = {
        {"as", 0, FLAG_TEXT, &options.format},      {"images", 0, FLAG_TEXT, &options.images},
        {"by", 0, FLAG_WHO, &options.by},           {"dry-run", 'n', FLAG_SWITCH, &options.dry_run},
        {"threads", 'j', FLAG_COUNT, &threads},     {"json", 0, FLAG_SWITCH, &json},
        {"list-formats", 0, FLAG_SWITCH, &formats},
    };
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof *flags);
    if (go != GO_ON)
        return go;
    if (formats)
        return list_formats(cli);
    if ((go = cli_arguments(cli, 2, -1, "a store and at least one file")) != GO_ON)
        return go;
    if (options.format != NULL && (go = check_format(cli, options.format)) != GO_ON)
        return go;
    options.threads = (int)threads;
    return import(cli, &options, json);
}

const struct command cmd_import = {
    .name = "import",
    .summary = "read rollouts, samples, answers or edits into a store",
    .help = "Example: opapairs import set.opa rollouts/step*_rank*.json\n"
            "         opapairs import set.opa answers.jsonl --as outputs --images coco/val2014\n\n"
            "Usage: opapairs import STORE FILE... [--as FORMAT] [--images DIR] [--by WHO] [--dry-run]\n"
            "                       [--threads N] [--json]\n"
            "       opapairs import --list-formats\n\n"
            "Reads every record of each FILE ('-': standard input) into STORE. A bad record is quarantined with\n"
            "its bytes, and the good ones beside it go in. Importing a file again changes nothing; a killed\n"
            "import goes on where it was. Mend a file and import it again under its path: what was said of it and\n"
            "no longer holds is closed.\n\n"
            "Of a known sample the last import counts, also where it says what an earlier one said. An image that\n"
            "cannot be read takes nothing from a sample that has one or needs none; a sound one takes the place of\n"
            "a broken or missing one.\n\n"
            "  --as FORMAT     rollout, samples, outputs or edits; recognised from the content when not given\n"
            "  --images DIR    where relative image paths are looked for; beside the file when not given\n"
            "  --by WHO        who made the edits, where a record does not say\n"
            "  -n, --dry-run   read and report everything, write nothing\n"
            "  -j, --threads N as many as there are processors when not given; the result does not depend on it\n"
            "  --json          the summary as one JSON document\n"
            "  --list-formats  the formats, one a line with what it is\n\n"
            "Exit: 0 everything went in (what was known included), 1 a record was quarantined, 65 no record of a\n"
            "file could be read, 66 a file is missing.\n",
    .run = run,
};
