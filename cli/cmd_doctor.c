/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "sheet.h"
#include "term.h"

/* The plain form shows so many defects; one bad sector can touch thousands of samples. */
enum { SHOWN = 40 };

struct doctor {
    struct cli *cli;
    const char *path;
    struct progress progress;
    bool json;          /* one document at the end */
    opa_json_writer *w; /* NULL: the plain form */
    opa_findings files; /* a finding of each file that is affected */
    struct code_counts counts;
    int64_t findings;
    bool no_memory;
};

static int on_progress(void *user, const opa_progress *now)
{
    struct doctor *d = user;
    progress_show(&d->progress, now);
    return 0;
}

static bool remember_file(struct doctor *d, const opa_finding *f)
{
    for (size_t i = 0; f->file != NULL && i < d->files.count; i++) {
        if (strcmp(d->files.items[i].file, f->file) == 0)
            return true;
    }
    return f->file == NULL || findings_copy(&d->files, f);
}

static void print_defect(struct cli *cli, const opa_finding *f)
{
    char code[16];
    if (f->file != NULL)
        out_visible(cli, text_of(f->file), 0);
    if (f->file != NULL && f->record >= 0)
        out_printf(cli, " record %lld", (long long)f->record);
    if (f->id != NULL) {
        out_printf(cli, f->file ? " (" : "(");
        out_visible(cli, text_of(f->id), 0);
        out_printf(cli, ")");
    }
    if (f->file != NULL || f->id != NULL)
        out_printf(cli, ": ");
    out_printf(cli, "%s%s%s (%s): ", style_begin(cli, STYLE_ERROR), code_name(f->code), style_end(cli, STYLE_ERROR),
               code_text(code, f->code));
    if (f->field != NULL)
        out_printf(cli, "%s: ", f->field);
    out_visible(cli, text_of(f->message ? f->message : ""), 0);
    out_printf(cli, "\n");
}

static int on_finding(void *user, const opa_finding *f)
{
    struct doctor *d = user;
    struct cli *cli = d->cli;
    d->findings++;
    d->counts.of[f->code]++;
    progress_clear(cli);
    d->no_memory = !remember_file(d, f);
    if (d->no_memory)
        return 1;
    if (d->w != NULL) {
        finding_json(d->w, f);
        return d->json ? 0 : out_json_line(cli, d->w) != 0 || !out_alive(cli);
    }
    if (d->findings <= SHOWN)
        print_defect(cli, f);
    return !out_alive(cli);
}

/* ---- what to do ---- */

/* One piece of advice: prose, wrapped. Commands stand apart, on lines that can be copied. */
static void advise(struct doctor *d, int *number, const char *text, const char *more)
{
    struct sheet page = {0};
    struct wrap w = {.sheet = &page, .indent = 5, .columns = term_columns(), .column = 5};
    char begin[24];
    snprintf(begin, sizeof begin, "  %d. ", ++*number);
    sheet_string(&page, begin, STYLE_PLAIN);
    wrap_string(&w, text, STYLE_PLAIN);
    if (more != NULL)
        wrap_string(&w, more, STYLE_PLAIN);
    wrap_end(&w);
    sheet_print(d->cli, &page);
    sheet_release(&page);
}

/* The path as a word of a command line. */
static void print_path(struct doctor *d)
{
    const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-";
    const bool quoted = d->path[strspn(d->path, plain)] != '\0';
    const char *rest = d->path;
    out_printf(d->cli, "%s", quoted ? "'" : "");
    for (size_t n; (n = strcspn(rest, "'")) < strlen(rest); rest += n + 1) {
        out_visible(d->cli, (opa_text){rest, n}, 0);
        out_printf(d->cli, "'\\''");
    }
    out_visible(d->cli, text_of(rest), 0);
    out_printf(d->cli, "%s", quoted ? "'" : "");
}

static void print_commands(struct doctor *d, int64_t version)
{
    out_printf(d->cli, "     sqlite3 ");
    print_path(d);
    out_printf(d->cli, " .dump | sed 's/^ROLLBACK.*/COMMIT;/' | sqlite3 saved.opa\n");
    out_printf(d->cli, "     sqlite3 saved.opa 'PRAGMA application_id = %d; PRAGMA user_version = %lld'\n",
               OPA_STORE_APPLICATION_ID, (long long)version);
    out_printf(d->cli, "     opapairs doctor saved.opa\n");
}

/* "Affected are records of a.json, b.json and 3 more." False: out of memory. */
static bool name_files(struct doctor *d, char **out)
{
    enum { NAMED = 8 };
    size_t size = 128;
    for (size_t i = 0; i < d->files.count && i < NAMED; i++)
        size += strlen(d->files.items[i].file) + 2;
    char *to = *out = malloc(size);
    if (to == NULL)
        return false;
    size_t at = (size_t)snprintf(to, size, " Affected are records of ");
    for (size_t i = 0; i < d->files.count && i < NAMED; i++)
        at += (size_t)snprintf(to + at, size - at, "%s%s", i ? ", " : "", d->files.items[i].file);
    if (d->files.count > NAMED)
        snprintf(to + at, size - at, " and %zu more.", d->files.count - NAMED);
    else
        snprintf(to + at, size - at, ".");
    return true;
}

static int print_advice(struct doctor *d, int64_t version)
{
    int n = 0;
    char *affected = NULL;
    if (d->files.count > 0 && !name_files(d, &affected))
        return cli_error(d->cli, EXIT_IO, "out of memory");
    out_printf(d->cli, "\nWhat to do, the surest first:\n");
    advise(d, &n,
           "Write no more to it. Keep it as it is: copy the file, and those with -wal and -shm behind its name where "
           "they are there, to a disk that you trust. Ask what damaged it (dmesg, smartctl).",
           NULL);
    advise(d, &n, "Take a copy of the store from before, and import the files that came later.", NULL);
    advise(d, &n,
           "Or import the files into a new store. 'opapairs log' shows the edits by hand, as far as they can be read; "
           "they are to be made again.",
           affected);
    if (d->counts.of[OPA_F_STORE_PAGES] > 0 && version > 0) {
        advise(d, &n,
               "Or save what SQLite can still read. Where it is but an index that is damaged, 'sqlite3 COPY REINDEX' "
               "on a copy is enough.",
               NULL);
        print_commands(d, version);
    }
    out_printf(d->cli, "A pack that was made before stays good if 'opapairs verify' says so.\n");
    free(affected);
    return 0;
}

static int print_verdict(struct doctor *d, const opa_store_verify_report *r)
{
    struct cli *cli = d->cli;
    char a[32], b[32], c[32], n[32];
    if (d->findings > SHOWN)
        out_printf(cli, "... and %s more; --jsonl lists them all\n", thousands(n, d->findings - SHOWN));
    out_printf(cli, "%s: %s%s%s; looked at %s sample%s, %s image%s, %s record%s (%.1f MB)\n", d->path,
               style_begin(cli, d->findings ? STYLE_ERROR : STYLE_PLAIN), d->findings ? "DAMAGED" : "sound",
               style_end(cli, d->findings ? STYLE_ERROR : STYLE_PLAIN), thousands(a, r->samples),
               r->samples == 1 ? "" : "s", thousands(b, r->images), r->images == 1 ? "" : "s", thousands(c, r->records),
               r->records == 1 ? "" : "s", (double)r->bytes / 1e6);
    return d->findings > 0 ? print_advice(d, r->version) : 0;
}

/* ---- the document ---- */

static void begin_document(struct doctor *d)
{
    opa_json_begin_object(d->w);
    opa_json_write_key(d->w, "store");
    opa_json_write_string(d->w, d->path);
    opa_json_write_key(d->w, "findings");
    opa_json_begin_array(d->w);
}

static int end_document(struct doctor *d, const opa_store_verify_report *r)
{
    const struct {
        const char *key;
        int64_t n;
    } counts[] = {{"version", r->version},
                  {"samples", r->samples},
                  {"images", r->images},
                  {"records", r->records},
                  {"bytes", r->bytes}};
    opa_json_end_array(d->w);
    opa_json_write_key(d->w, "sound");
    opa_json_write_bool(d->w, d->findings == 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        opa_json_write_key(d->w, counts[i].key);
        opa_json_write_integer(d->w, counts[i].n);
    }
    opa_json_end_object(d->w);
    return out_json_line(d->cli, d->w);
}

static int examine(struct doctor *d)
{
    struct cli *cli = d->cli;
    const opa_store_verify_options options = {.progress = on_progress, .user = d};
    opa_store_verify_report report;
    if (d->json)
        begin_document(d);
    progress_start(&d->progress, cli);
    const int status = opa_store_verify(cli->ctx, d->path, &options, on_finding, d, &report);
    progress_clear(cli);
    if (d->no_memory)
        return cli_error(cli, EXIT_IO, "out of memory");
    if (status != OPA_OK && status != OPA_ECANCELLED)
        return cli_fail(cli, status, d->path);
    int result = 0;
    if (d->json)
        result = end_document(d, &report);
    else if (d->w == NULL)
        result = print_verdict(d, &report);
    return result != 0 ? result : d->findings > 0 ? EXIT_FINDING : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct doctor d = {.cli = cli};
    bool jsonl = false;
    const struct flag flags[] = {{"json", 0, FLAG_SWITCH, &d.json}, {"jsonl", 0, FLAG_SWITCH, &jsonl}};
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof *flags);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "a store")) != GO_ON)
        return go;
    if (d.json && jsonl)
        return cli_usage(cli, "--json and --jsonl: one of them");
    d.path = cli->args[0];
    if (opa_pack_probe(d.path))
        return cli_error(cli, EXIT_DATA, "%s: a pack; 'opapairs verify %s' proves that one", d.path, d.path);
    if ((d.json || jsonl) && opa_json_writer_new(cli->ctx, &d.w) != OPA_OK)
        return cli_error(cli, EXIT_IO, "out of memory");
    const int result = examine(&d);
    opa_findings_release(&d.files);
    opa_json_writer_free(d.w);
    return result;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "prove that a store is sound, or say what is damaged and what to do",
    .help = "Example: opapairs doctor set.opa\n\n"
            "Usage: opapairs doctor STORE [--json | --jsonl]\n\n"
            "Checks the pages, indexes and references of the SQLite file; every image and every record against its\n"
            "SHA-256; every sample against the records that it came from; every log from its import to the entry in\n"
            "force. A defect is named with the file, record and sample that it touches. Nothing is repaired: what\n"
            "to do is said at the end. What a person typed has no second copy; there only what the log repeats can\n"
            "be compared.\n\n"
            "  --json   the whole result as one JSON document\n"
            "  --jsonl  a JSON document per defect, as 'opapairs check --jsonl'\n\n"
            "Exit: 0 sound, 1 something is damaged, 65 no store, or one of a newer version, 66 nothing there.\n",
    .run = run,
};
