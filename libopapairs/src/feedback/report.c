/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/report.h>

#include <cjson/cJSON.h>

#include <opapairs/json.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/context.h"
#include "base/findings.h"
#include "base/utf8.h"
#include "feedback/entries.h"
#include "feedback/quoted.h"
#include "feedback/refusal.h"
#include "feedback/salvage.h"

/* A report inside a string inside a string ... */
#define STRINGS_MAX 4
/* Places in a text where a report is looked for. */
#define PLACES_MAX 16

/* What is known of the form while the report is looked for. */
typedef struct report_form {
    opa_findings *findings; /* the caller's */
    opa_findings
        string;     /* what the guard said of the string that holds the report: whoever read the record has said it */
    bool in_string; /* the report stands in a JSON string */
    bool escaped;   /* ... whose backslashes were still there */
} report_form;

static int read_text(opa_context *ctx, opa_report *out, opa_text text, report_form *form, unsigned depth);

/* Take what was read as the report's content. */
static void adopt(opa_report *out, opa_report *read, opa_report_state state)
{
    *out = *read;
    out->state = state;
    *read = (opa_report){0};
}

/* The sentences of a tree into a report of its own; count is 0 when there are none. */
static int read_entries(opa_context *ctx, opa_report *read, const opa_json *doc, size_t open, opa_findings *said)
{
    opa_arena *arena = opa_arena_new();
    *read = (opa_report){.memory = arena};
    return arena ? opa_entries_read(ctx, read, arena, doc, open, said) : opa_fail_memory(ctx);
}

/* Findings of the guard on JSON inside a string, but for what it said of the string itself. */
static int add_guard(report_form *form, const opa_findings *guard)
{
    for (size_t i = 0; i < guard->count; i++) {
        bool known = false;
        for (size_t k = 0; k < form->string.count && !known; k++)
            known = form->string.items[k].code == guard->items[i].code;
        const opa_findings one = {.items = &guard->items[i], .count = 1};
        if (!known && opa_findings_append(form->findings, &one, NULL) < 0)
            return OPA_ENOMEM;
    }
    return OPA_OK;
}

/* Does a text anywhere at the top of the tree refuse? */
static bool tree_refuses(const opa_json *doc)
{
    opa_text text;
    const cJSON *root = opa_json_root(doc);
    if (opa_json_text(doc, root, &text))
        return opa_text_refuses(text);
    for (const cJSON *item = cJSON_IsObject(root) || cJSON_IsArray(root) ? root->child : NULL; item; item = item->next)
        if (opa_json_text(doc, item, &text) && opa_text_refuses(text))
            return true;
    return false;
}

/* A report that is none: say so and be done. */
static int finish(opa_report *out, opa_report_state state, report_form *form)
{
    out->state = state;
    out->keys_ascending = true;
    switch (state) {
    case OPA_REPORT_MISSING:
        return opa_findings_add(form->findings, OPA_F_REPORT_MISSING, 0, NULL, "there is no report");
    case OPA_REPORT_REFUSED:
        return opa_findings_add(form->findings, OPA_F_REPORT_REFUSED, 0, NULL,
                                "the expert refused instead of writing a report");
    case OPA_REPORT_CUT:
        return opa_findings_add(form->findings, OPA_F_REPORT_CUT, 0, NULL,
                                "the report ends in the middle, before its first sentence is whole");
    default:
        return opa_findings_add(form->findings, OPA_F_REPORT_UNREADABLE, 0, NULL,
                                "no sentence could be read from the report");
    }
}

/* Say that a sound report stands in a string. */
static int say_string(report_form *form)
{
    int status = OPA_OK;
    if (form->in_string)
        status = opa_findings_add(form->findings, OPA_F_REPORT_STRING, 0, NULL, "the report is JSON inside a string");
    if (status == OPA_OK && form->escaped)
        status = opa_findings_add(form->findings, OPA_F_REPORT_SYNTAX, 0, NULL,
                                  "backslashes before all quotes of the report");
    return status;
}

/* A sound tree: an object or a list, or a string that holds the report. */
static int read_tree(opa_context *ctx, opa_report *out, const opa_json *doc, report_form *form, unsigned depth)
{
    const cJSON *root = opa_json_root(doc);
    opa_text text;
    if (opa_json_is_null(root))
        return finish(out, OPA_REPORT_MISSING, form);
    if (opa_json_text(doc, root, &text)) {
        if (opa_text_blank(text))
            return finish(out, OPA_REPORT_MISSING, form);
        form->in_string = true;
        return depth < STRINGS_MAX ? read_text(ctx, out, text, form, depth + 1)
                                   : finish(out, OPA_REPORT_UNREADABLE, form);
    }
    opa_report read;
    opa_findings said = {0};
    int status = read_entries(ctx, &read, doc, 0, &said);
    if (status == OPA_OK && read.count == 0) {
        status = finish(out, tree_refuses(doc) ? OPA_REPORT_REFUSED : OPA_REPORT_UNREADABLE, form);
    } else if (status == OPA_OK) {
        status = say_string(form);
        if (status == OPA_OK)
            status = opa_findings_append(form->findings, &said, NULL);
        adopt(out, &read, OPA_REPORT_READ);
    }
    opa_report_release(&read);
    opa_findings_release(&said);
    return status;
}

/* Say what was done to find and repair the report. */
static int say_form(const opa_salvage *salvage, report_form *form)
{
    opa_findings *f = form->findings;
    int status = OPA_OK;
    if (salvage->fenced)
        status = opa_findings_add(f, OPA_F_REPORT_FENCED, 0, NULL, "the report is inside a Markdown code fence");
    else if (form->in_string)
        status = opa_findings_add(f, OPA_F_REPORT_STRING, 0, NULL, "the report is JSON inside a string");
    if (status == OPA_OK && salvage->prose)
        status = opa_findings_add(f, OPA_F_REPORT_PROSE, 0, NULL, "there is text before or after the report");
    if (status == OPA_OK)
        status = opa_scanner_report(&salvage->scanner, f);
    return status;
}

/* What salvage found at one place of the text. *done: it is the report. */
static int try_place(opa_context *ctx, opa_report *out, const opa_salvage *salvage, report_form *form, bool *done)
{
    opa_json *doc = NULL;
    opa_report read = {0};
    opa_findings said = {0}, guard = {0};
    int status = opa_json_parse(ctx, &doc, opa_buffer_text(&salvage->scanner.out), NULL, &guard);
    if (status == OPA_OK)
        status = read_entries(ctx, &read, doc, salvage->open, &said);
    else if (status != OPA_ENOMEM)
        status = OPA_OK; /* beyond repair: not here */
    *done = status == OPA_OK && read.count > 0;
    if (*done) {
        status = say_form(salvage, form);
        if (status == OPA_OK && salvage->open)
            status = opa_findings_add(form->findings, OPA_F_REPORT_CUT, 0, NULL,
                                      "the report ends in the middle; %zu whole sentence%s kept", read.count,
                                      read.count == 1 ? " is" : "s are");
        if (status == OPA_OK)
            status = add_guard(form, &guard);
        if (status == OPA_OK)
            status = opa_findings_append(form->findings, &said, NULL);
        adopt(out, &read, salvage->open ? OPA_REPORT_CUT : OPA_REPORT_READ);
    }
    opa_report_release(&read);
    opa_findings_release(&said);
    opa_findings_release(&guard);
    opa_json_free(doc);
    return status;
}

/* A text that is no sound JSON. */
static int salvage_text(opa_context *ctx, opa_report *out, opa_text text, report_form *form)
{
    bool done = false, cut = false;
    int status = OPA_OK;
    size_t from = 0;
    for (int i = 0; i < PLACES_MAX && !done && status == OPA_OK && from < text.size; i++) {
        opa_salvage salvage;
        status = opa_salvage_next(ctx, &salvage, text, from);
        if (status == OPA_OK && form->escaped)
            opa_scanner_note(&salvage.scanner, OPA_REPAIR_ESCAPED, 0);
        from = salvage.end;
        if (status == OPA_OK && salvage.found) {
            /* Prose that ends in a bracket is not a cut report. */
            cut = salvage.open > 0 && !salvage.prose;
            status = try_place(ctx, out, &salvage, form, &done);
        } else if (status == OPA_OK) {
            cut = cut || (salvage.fenced && !salvage.prose && from >= text.size);
        }
        opa_salvage_release(&salvage);
    }
    if (status < 0 || done)
        return status;
    return finish(out,
                  opa_text_refuses(text) ? OPA_REPORT_REFUSED
                  : cut                  ? OPA_REPORT_CUT
                                         : OPA_REPORT_UNREADABLE,
                  form);
}

/* A report as text. Strict first. */
static int read_text(opa_context *ctx, opa_report *out, opa_text text, report_form *form, unsigned depth)
{
    text = opa_text_trim(text);
    opa_json *doc;
    opa_findings guard = {0};
    int status = opa_json_parse(ctx, &doc, text, NULL, &guard);
    if (status == OPA_OK) {
        status = add_guard(form, &guard);
        if (status == OPA_OK)
            status = read_tree(ctx, out, doc, form, depth);
        opa_json_free(doc);
    } else if (status != OPA_ENOMEM && opa_salvage_is_escaped(text) && depth < STRINGS_MAX) {
        opa_buffer plain = {0};
        const bool quoted = text.size > 0 && text.data[0] == '"';
        opa_quoted_unescape(&plain, quoted ? (opa_text){text.data + 1, text.size - 1} : text, quoted);
        form->escaped = true;
        form->in_string = form->in_string || quoted;
        status = plain.failed ? opa_fail_memory(ctx) : read_text(ctx, out, opa_buffer_text(&plain), form, depth + 1);
        opa_buffer_release(&plain);
    } else if (status != OPA_ENOMEM) {
        status = salvage_text(ctx, out, text, form);
    }
    opa_findings_release(&guard);
    return status;
}

int opa_report_parse(opa_context *ctx, opa_report *out, opa_text json, opa_findings *findings)
{
    *out = (opa_report){0};
    report_form form = {.findings = findings};
    opa_json *doc;
    if (opa_text_blank(json))
        return finish(out, OPA_REPORT_MISSING, &form) < 0 ? opa_fail_memory(ctx) : OPA_OK;
    /* The guard's findings on a sound value belong to the record, and whoever read the record has them. */
    int status = opa_json_parse(ctx, &doc, json, NULL, &form.string);
    if (status == OPA_OK) {
        status = read_tree(ctx, out, doc, &form, 0);
        opa_json_free(doc);
    } else if (status != OPA_ENOMEM) {
        opa_findings_clear(&form.string);
        status = read_text(ctx, out, json, &form, 0);
    }
    opa_findings_release(&form.string);
    if (status == OPA_OK)
        return OPA_OK;
    opa_report_release(out);
    return opa_fail_memory(ctx);
}

void opa_report_release(opa_report *report)
{
    if (!report)
        return;
    opa_arena_free(report->memory);
    *report = (opa_report){0};
}
