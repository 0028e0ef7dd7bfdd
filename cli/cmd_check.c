/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <stdlib.h>
#include <string.h>

#include "sheet.h"

struct check {
    struct cli *cli;
    struct source source;
    bool images, jsonl, infos;
    opa_findings all;
    int64_t samples;
};

/* ---- the table of codes ---- */

static int print_codes_jsonl(struct cli *cli, const opa_code_info *table, size_t count)
{
    opa_json_writer *w;
    if (opa_json_writer_new(cli->ctx, &w) != OPA_OK)
        return cli_error(cli, EXIT_IO, "out of memory");
    int result = 0;
    char code[16];
    for (size_t i = 0; i < count && result == 0; i++) {
        const char *const fields[][2] = {
            {"code", code_text(code, table[i].code)},
            {"name", table[i].name},
            {"severity", opa_severity_name(table[i].severity)},
            {"meaning", table[i].meaning},
            {"remedy", table[i].remedy},
        };
        opa_json_begin_object(w);
        for (size_t k = 0; k < 5; k++) {
            opa_json_write_key(w, fields[k][0]);
            opa_json_write_string(w, fields[k][1]);
        }
        opa_json_end_object(w);
        result = out_json_line(cli, w);
    }
    opa_json_writer_free(w);
    return result;
}

static int print_codes(struct cli *cli, bool jsonl)
{
    size_t count;
    const opa_code_info *table = opa_code_table(&count);
    if (jsonl)
        return print_codes_jsonl(cli, table, count);
    char code[16];
    for (size_t i = 0; i < count; i++) {
        out_printf(cli, "%s%s  %-24s%s %s\n", style_begin(cli, STYLE_BOLD), code_text(code, table[i].code),
                   table[i].name, style_end(cli, STYLE_BOLD), opa_severity_name(table[i].severity));
        out_wrapped(cli, text_of(table[i].meaning), 6, STYLE_PLAIN);
        out_wrapped(cli, text_of(table[i].remedy), 6, STYLE_DIM);
    }
    return EXIT_DONE;
}

/* ---- gathering ---- */

/* Decode a sample's image fully; a pass over the structure, as at import, sees no damage inside the data. */
static int decode_image(struct check *c, struct view *view)
{
    opa_text bytes;
    opa_image_info info;
    int status = source_image(&c->source, &bytes, &view->sample);
    if (status == OPA_OK)
        status = opa_image_check(c->cli->ctx, &info, bytes, &view->findings);
    return status == OPA_OK || status == OPA_ERECORD ? 0 : cli_fail(c->cli, status, c->source.path);
}

/* An image's own findings are found by import and again by decoding. */
static bool said_already(const opa_findings *list, size_t from, const opa_finding *f)
{
    for (size_t i = from; i < list->count; i++) {
        const opa_finding *g = &list->items[i];
        const bool image = f->code / 100 == 4 && (f->field == NULL || g->field == NULL);
        if (g->code == f->code && (image || (text_equal(text_of(g->field), text_of(f->field)) &&
                                             text_equal(text_of(g->message), text_of(f->message)) &&
                                             g->record == f->record && text_equal(text_of(g->file), text_of(f->file)))))
            return true;
    }
    return false;
}

static int take(void *user, struct view *view)
{
    struct check *c = user;
    if (c->images && view->sample.has_image) {
        const int result = decode_image(c, view);
        if (result != 0)
            return result;
    }
    const size_t from = c->all.count;
    bool memory = view_fill_in(view);
    for (size_t i = 0; i < view->findings.count && memory; i++) {
        const opa_finding *f = &view->findings.items[i];
        memory = said_already(&c->all, from, f) || findings_copy(&c->all, f);
    }
    if (!memory)
        return cli_error(c->cli, EXIT_IO, "out of memory");
    c->samples++;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const opa_finding *x = a, *y = b;
    int order = name_compare(x->file ? x->file : "", y->file ? y->file : "");
    if (order == 0 && x->file != NULL && y->file != NULL)
        order = strcmp(x->file, y->file);
    if (order == 0)
        order = (x->record > y->record) - (x->record < y->record);
    if (order == 0)
        order = strcmp(x->id ? x->id : "", y->id ? y->id : "");
    if (order == 0)
        order = x->code - y->code;
    if (order == 0)
        order = name_compare(x->field ? x->field : "", y->field ? y->field : "");
    return order ? order : strcmp(x->message ? x->message : "", y->message ? y->message : "");
}

static int take_orphans(struct check *c)
{
    const opa_findings *stored = &c->source.stored;
    for (size_t i = 0; i < stored->count && source_is_orphan(&stored->items[i]); i++) {
        if (!findings_copy(&c->all, &stored->items[i]))
            return cli_error(c->cli, EXIT_IO, "out of memory");
    }
    return 0;
}

/* Samples of a pack whose bytes are not what the index says. */
static int take_damaged(struct check *c)
{
    if (c->source.damaged == 0)
        return 0;
    opa_sample sample;
    int result = source_rewind(&c->source), status;
    while (result == 0 && (status = source_next(&c->source, &sample)) != OPA_END) {
        if (status == OPA_OK)
            continue;
        const opa_pack_entry *entry = opa_pack_at(c->source.pack, c->source.next - 1);
        char shard[256], id[512];
        char message[1024];
        snprintf(shard, sizeof shard, "%.*s", (int)entry->shard.size, entry->shard.data);
        snprintf(id, sizeof id, "%.*s", (int)entry->id.size, entry->id.data);
        snprintf(message, sizeof message, "%s", opa_context_message(c->cli->ctx));
        const opa_finding f = {.code = status == OPA_ENOENT ? OPA_F_SHARD_MISSING : OPA_F_MEMBER_ALTERED,
                               .record = -1,
                               .file = shard,
                               .id = id,
                               .message = message};
        if (!findings_copy(&c->all, &f))
            result = cli_error(c->cli, EXIT_IO, "out of memory");
    }
    return result;
}

/* ---- printing ---- */

static int print_jsonl(struct check *c)
{
    opa_json_writer *w;
    if (opa_json_writer_new(c->cli->ctx, &w) != OPA_OK)
        return cli_error(c->cli, EXIT_IO, "out of memory");
    int result = 0;
    for (size_t i = 0; i < c->all.count && result == 0 && out_alive(c->cli); i++) {
        finding_json(w, &c->all.items[i]);
        result = out_json_line(c->cli, w);
    }
    opa_json_writer_free(w);
    return result;
}

static void print_finding(struct cli *cli, const opa_finding *f)
{
    const opa_severity severity = code_severity(f->code);
    const enum style style = severity == OPA_ERROR ? STYLE_ERROR : severity == OPA_WARNING ? STYLE_WARNING : STYLE_DIM;
    char code[16], record[24] = "-";
    if (f->record >= 0)
        snprintf(record, sizeof record, "%lld", (long long)f->record);
    out_printf(cli, "  %6s  %s%-7s%s %s %s: ", record, style_begin(cli, style), opa_severity_name(severity),
               style_end(cli, style), code_text(code, f->code), code_name(f->code));
    if (f->id != NULL) {
        out_visible(cli, text_of(f->id), 0);
        out_printf(cli, ": ");
    }
    if (f->field != NULL) {
        out_visible(cli, text_of(f->field), 0);
        out_printf(cli, ": ");
    }
    if (f->line > 0)
        out_printf(cli, "line %lld: ", (long long)f->line);
    out_visible(cli, text_of(f->message ? f->message : ""), 0);
    out_printf(cli, "\n");
}

/* What to do about the errors, code by code, behind the list: where one looks first. */
static void print_remedies(struct check *c)
{
    size_t codes;
    const opa_code_info *table = opa_code_table(&codes);
    char code[16], number[32];
    for (size_t k = 0; k < codes; k++) {
        int64_t hits = 0;
        for (size_t i = 0; i < c->all.count; i++)
            hits += c->all.items[i].code == table[k].code;
        if (hits == 0 || table[k].severity != OPA_ERROR)
            continue;
        out_printf(c->cli, "%6s  %s%s %s%s\n", thousands(number, hits), style_begin(c->cli, STYLE_ERROR),
                   code_text(code, table[k].code), table[k].name, style_end(c->cli, STYLE_ERROR));
        out_wrapped(c->cli, text_of(table[k].remedy), 8, STYLE_PLAIN);
    }
}

static void print_list(struct check *c)
{
    struct cli *cli = c->cli;
    const char *file = "";
    for (size_t i = 0; i < c->all.count && out_alive(cli); i++) {
        const opa_finding *f = &c->all.items[i];
        if (!c->infos && code_severity(f->code) == OPA_INFO)
            continue;
        const char *here = f->file ? f->file : "(set by hand, in no file)";
        if (strcmp(here, file) != 0) {
            out_printf(cli, "%s", style_begin(cli, STYLE_BOLD));
            out_visible(cli, text_of(here), 0);
            out_printf(cli, "%s\n", style_end(cli, STYLE_BOLD));
        }
        file = here;
        print_finding(cli, f);
    }
}

static void print_plain(struct check *c, const int64_t count[3])
{
    struct cli *cli = c->cli;
    const bool listed = count[OPA_ERROR] + count[OPA_WARNING] > 0 || (c->infos && count[OPA_INFO] > 0);
    print_list(c);
    if (count[OPA_ERROR] > 0) {
        out_printf(cli, "\n");
        print_remedies(c);
    }
    char e[32], w[32], n[32], s[32];
    out_printf(cli, "%s%s error%s, %s warning%s, %s info%s in %s sample%s\n", listed ? "\n" : "",
               thousands(e, count[OPA_ERROR]), count[OPA_ERROR] == 1 ? "" : "s", thousands(w, count[OPA_WARNING]),
               count[OPA_WARNING] == 1 ? "" : "s", thousands(n, count[OPA_INFO]), count[OPA_INFO] == 1 ? "" : "s",
               thousands(s, c->samples), c->samples == 1 ? "" : "s");
    if (count[OPA_INFO] > 0 && !c->infos)
        out_printf(cli, "infos are listed with --all\n");
    if (c->all.count > 0)
        out_printf(cli, "what each code means and what to do: opapairs check --codes\n");
}

static int check(struct check *c)
{
    int result = source_note_all(&c->source);
    if (result == 0)
        result = source_each(&c->source, "check", take, c);
    if (result == EXIT_DATA && c->source.damaged > 0)
        result = 0;
    if (result == 0)
        result = take_damaged(c);
    if (result == 0)
        result = take_orphans(c);
    if (result != 0)
        return result;
    if (c->all.count > 1)
        qsort(c->all.items, c->all.count, sizeof *c->all.items, by_place);
    int64_t count[3] = {0};
    for (size_t i = 0; i < c->all.count; i++)
        count[code_severity(c->all.items[i].code)]++;
    if (c->jsonl)
        result = print_jsonl(c);
    else
        print_plain(c, count);
    return result != 0 ? result : count[OPA_ERROR] > 0 ? EXIT_FINDING : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct check c = {.cli = cli};
    bool codes = false;
    const char *tokenizer = NULL;
    const struct flag flags[] = {
        {"images", 0, FLAG_SWITCH, &c.images},   {"jsonl", 0, FLAG_SWITCH, &c.jsonl},
        {"all", 0, FLAG_SWITCH, &c.infos},       {"codes", 0, FLAG_SWITCH, &codes},
        {"tokenizer", 0, FLAG_TEXT, &tokenizer},
    };
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof *flags);
    if (go != GO_ON)
        return go;
    if (codes)
        return (go = cli_arguments(cli, 0, 0, "nothing beside --codes, which lists all codes")) != GO_ON
                   ? go
                   : print_codes(cli, c.jsonl);
    if ((go = cli_arguments(cli, 1, 1, "a store or a pack")) != GO_ON)
        return go;
    int result = source_open(&c.source, cli, cli->args[0]);
    if (result == 0 && tokenizer != NULL)
        result = source_tokenizer(&c.source, tokenizer);
    if (result == 0)
        result = check(&c);
    opa_findings_release(&c.all);
    source_close(&c.source);
    return result;
}

const struct command cmd_check = {
    .name = "check",
    .summary = "say everything that is wrong or odd, and where",
    .help = "Example: opapairs check set.opa\n"
            "         opapairs check set.opa --tokenizer llava-1.5-7b-hf/ --images --jsonl > findings.jsonl\n\n"
            "Usage: opapairs check STORE|PACK [--images] [--tokenizer FILE] [--all] [--jsonl]\n"
            "       opapairs check --codes [--jsonl]\n\n"
            "An error means that a record cannot be trained on as it is; warnings and infos are for you to judge.\n\n"
            "  --images          decode every image fully, which finds damage inside the data\n"
            "  --tokenizer FILE  count lengths in the model's tokens; lower bounds by words when not given\n"
            "  --all             list the infos too\n"
            "  --jsonl           a JSON document per finding, infos too\n"
            "  --codes           what each code means and what to do about it\n\n"
            "Exit: 0 no error, 1 at least one error.\n",
    .run = run,
};
