/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

const char *code_text(char out[16], int code)
{
    snprintf(out, 16, "OP%03d", code);
    return out;
}

opa_severity code_severity(int code)
{
    const opa_code_info *info = opa_code_lookup(code);
    return info ? info->severity : OPA_ERROR;
}

const char *code_name(int code)
{
    const opa_code_info *info = opa_code_lookup(code);
    return info ? info->name : "unknown";
}

static void integer_or_null(opa_json_writer *w, const char *key, int64_t n, bool known)
{
    opa_json_write_key(w, key);
    if (known)
        opa_json_write_integer(w, n);
    else
        opa_json_write_null(w);
}

void finding_json(opa_json_writer *w, const opa_finding *f)
{
    char code[16];
    opa_json_begin_object(w);
    opa_json_write_key(w, "code");
    opa_json_write_string(w, code_text(code, f->code));
    opa_json_write_key(w, "name");
    opa_json_write_string(w, code_name(f->code));
    opa_json_write_key(w, "severity");
    opa_json_write_string(w, opa_severity_name(code_severity(f->code)));
    opa_json_write_key(w, "file");
    opa_json_write_string(w, f->file);
    integer_or_null(w, "record", f->record, f->record >= 0);
    integer_or_null(w, "line", f->line, f->line > 0);
    opa_json_write_key(w, "id");
    opa_json_write_string(w, f->id);
    opa_json_write_key(w, "field");
    opa_json_write_string(w, f->field);
    opa_json_write_key(w, "message");
    opa_json_write_string(w, f->message ? f->message : "");
    opa_json_end_object(w);
}

void codes_count(struct code_counts *counts, const opa_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].code >= 0 && findings->items[i].code < 1000)
            counts->of[findings->items[i].code]++;
    }
}

void codes_json(opa_json_writer *w, const opa_findings *findings)
{
    bool seen[1000] = {false};
    char code[16];
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].code >= 0 && findings->items[i].code < 1000)
            seen[findings->items[i].code] = true;
    }
    opa_json_begin_array(w);
    for (int i = 0; i < 1000; i++) {
        if (seen[i])
            opa_json_write_string(w, code_text(code, i));
    }
    opa_json_end_array(w);
}

static bool copy_string(char **out, const char *s)
{
    *out = s ? strdup(s) : NULL;
    return s == NULL || *out != NULL;
}

bool findings_copy(opa_findings *list, const opa_finding *f)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? list->capacity * 2 : 16;
        opa_finding *more = realloc(list->items, capacity * sizeof *more);
        if (more == NULL)
            return false;
        list->items = more;
        list->capacity = capacity;
    }
    opa_finding *to = &list->items[list->count];
    *to = (opa_finding){.code = f->code, .record = f->record, .line = f->line, .quarantined = f->quarantined};
    if (copy_string(&to->file, f->file) && copy_string(&to->id, f->id) && copy_string(&to->field, f->field) &&
        copy_string(&to->message, f->message)) {
        list->count++;
        return true;
    }
    free(to->file);
    free(to->id);
    free(to->field);
    free(to->message);
    return false;
}

/* Bytes of an id in a message. */
enum { ID_SHOWN = 120 };

void cli_note_finding(struct cli *cli, const opa_finding *f)
{
    char where[64] = "", code[16], id[ID_SHOWN + 1] = "";
    if (f->record >= 0)
        snprintf(where, sizeof where, ": record %lld", (long long)f->record);
    const size_t used = strlen(where);
    if (f->line > 0)
        snprintf(where + used, sizeof where - used, "%s line %lld", used ? "," : ":", (long long)f->line);
    const bool long_id = f->id && strlen(f->id) > ID_SHOWN;
    if (f->id)
        text_copy(id, sizeof id, text_of(f->id));
    cli_note(cli, "%s%s%s%s%s%s: %s: %s%s%s (%s %s)", f->file ? f->file : "-", where, f->id ? " (" : "", id,
             long_id ? "..." : "", f->id ? ")" : "", code_name(f->code), f->field ? f->field : "", f->field ? ": " : "",
             f->message ? f->message : "", opa_severity_name(code_severity(f->code)), code_text(code, f->code));
}
