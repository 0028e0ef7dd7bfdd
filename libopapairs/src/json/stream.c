/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a file into records: what stands between them, and how a file begins and ends. Whether a record is JSON is the
 * guard's business. A window slides over the file: the record that is being read stays in memory, nothing else. */
#include <opapairs/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/findings.h"
#include "json/magic.h"
#include "json/streaming.h"

/* Findings on the file that are listed. */
#define LISTED_MAX 32

static int note(opa_json_stream *s, int code, const char *message)
{
    if (s->noted++ >= LISTED_MAX)
        return OPA_OK;
    if (s->noted == LISTED_MAX)
        message = "further remarks on this file are left out";
    if (opa_findings_add(s->findings, code, s->line, NULL, "%s", message) != OPA_OK)
        s->error = opa_fail_memory(s->ctx);
    return s->error;
}

/* What is read in spite of it, and loses nothing: said once a file, however often it stands there. */
static const char *const repairs[] = {
    "a comma without a record before it",
    "a comma behind the last record",
    "a stray bracket or colon between records",
    "the comma between two records is missing",
    "a second array behind the first one; its records are read too",
    "records behind the end of the array; they are read",
    "a comma between records that stand in no array",
};
enum repair { LONE_COMMA, LAST_COMMA, STRAY_BRACKET, NO_COMMA, SECOND_ARRAY, BEHIND_BRACKET, LINE_COMMA };

static int note_repair(opa_json_stream *s, enum repair what)
{
    if (s->repaired & 1U << what)
        return OPA_OK;
    s->repaired |= 1U << what;
    return note(s, OPA_F_FILE_SYNTAX, repairs[what]);
}

/* ---- between records ---- */

/* White space; false at the end. Remembers the indentation of the line. */
static bool skip_space(opa_json_stream *s)
{
    for (; have(s, s->at) && space(byte(s, s->at)); s->at++) {
        const char c = byte(s, s->at);
        if (c == '\n') {
            s->line++;
            s->blank = true;
            s->indent_size = 0;
        } else if (s->indent_size < INDENT_MAX) {
            s->indent[s->indent_size++] = c;
        } else {
            s->blank = false;
        }
    }
    return have(s, s->at);
}

static int next_element(opa_json_stream *s)
{
    for (;;) {
        if (!skip_space(s)) {
            note(s, OPA_F_FILE_TRUNCATED, "the file ends before the array does: its ']' is missing");
            return OPA_END;
        }
        const char c = byte(s, s->at);
        if (c == ',') {
            if (s->commas++ || !s->elements)
                note_repair(s, LONE_COMMA);
        } else if (c == ']') {
            if (s->commas)
                note_repair(s, LAST_COMMA);
            s->at++;
            s->place = BEHIND_ARRAY;
            return OPA_OK;
        } else if (c == '}' || c == ':') {
            note_repair(s, STRAY_BRACKET);
            while (have(s, s->at + 1) && (byte(s, s->at + 1) == '}' || byte(s, s->at + 1) == ':'))
                s->at++;
        } else {
            if (s->elements && !s->commas && !s->recovered)
                note_repair(s, NO_COMMA);
            return OPA_OK;
        }
        s->at++;
        s->blank = s->garbage = false;
    }
}

/* Behind the array there should be nothing. A second array, or records behind a bracket that came too early, are read.
 * Other text is passed over up to the next record, if there is one. */
static int next_array(opa_json_stream *s)
{
    if (!skip_space(s))
        return OPA_END;
    const char c = byte(s, s->at);
    s->garbage = false;
    if (c == '[') {
        note_repair(s, SECOND_ARRAY);
        s->at++;
        s->elements = 0;
        s->commas = 0;
    } else if (c == ',' || c == '{') {
        note_repair(s, BEHIND_BRACKET);
    } else {
        note(s, OPA_F_JSON_INVALID, "text behind the end of the array");
        s->garbage = s->recovered = true;
    }
    s->place = IN_ARRAY;
    s->blank = false;
    return OPA_OK;
}

static int next_value(opa_json_stream *s)
{
    for (;;) {
        if (!skip_space(s))
            return OPA_END;
        const char c = byte(s, s->at);
        if (c != ',')
            return OPA_OK; /* what is no JSON behind a record is a damaged one: its bytes are handed out */
        note_repair(s, LINE_COMMA);
        s->at++;
        s->blank = false;
    }
}

static int next_step(opa_json_stream *s)
{
    switch (s->place) {
    case IN_ARRAY:
        return next_element(s);
    case BEHIND_ARRAY:
        return next_array(s);
    case IN_VALUES:
        return next_value(s);
    default:
        return OPA_END;
    }
}

int opa_json_stream_next(opa_json_stream *s, opa_json_record *out)
{
    enum place was;
    int status;
    *out = (opa_json_record){.bytes = OPA_TEXT("")};
    do {
        was = s->place;
        status = next_step(s);
    } while (status == OPA_OK && !s->error && s->place != was);
    out->index = s->index;
    if (s->error)
        return s->error;
    return status == OPA_OK ? opa_stream_record(s, out) : status;
}

/* ---- opening ---- */

/* "does not begin like JSON, but with ..." */
static int not_json(opa_json_stream *s)
{
    char shown[128] = "", *p = shown;
    bool text = true;
    size_t n = 0;
    while (n < 32 && have(s, s->at + n) && byte(s, s->at + n) != '\n' && byte(s, s->at + n) != '\r')
        n++;
    for (size_t i = 0; i < n; i++)
        text &= byte(s, s->at + i) == '\t' || (unsigned char)byte(s, s->at + i) >= 0x20;
    if (text)
        return opa_fail(s->ctx, OPA_EDATA, "does not begin like JSON, but with \"%.*s\"", (int)n, ptr(s, s->at));
    for (size_t i = 0; i < n && i < 12; i++)
        p += snprintf(p, sizeof shown - (size_t)(p - shown), " %02X", (unsigned char)byte(s, s->at + i));
    return opa_fail(s->ctx, OPA_EDATA, "does not begin like JSON, but with the bytes%s", shown);
}

static opa_text head_of(opa_json_stream *s)
{
    have(s, OPA_JSON_MAGIC_SIZE - 1);
    const size_t size = buffered(s, 0);
    return (opa_text){size ? ptr(s, 0) : "", size < OPA_JSON_MAGIC_SIZE ? size : OPA_JSON_MAGIC_SIZE};
}

/* Look at the first bytes. */
static int begin(opa_json_stream *s)
{
    const char *what = opa_json_magic(head_of(s));
    if (s->error || what)
        return s->error ? s->error : opa_fail(s->ctx, OPA_EDATA, "%s", what);
    if (opa_stream_begins_with(s, 0, "\xEF\xBB\xBF", 3)) {
        if (s->options.strict)
            return opa_fail(s->ctx, OPA_EDATA, "begins with a byte order mark, which JSON forbids");
        note(s, OPA_F_BYTE_ORDER_MARK, "a byte order mark, skipped");
        s->at = 3;
    }
    s->blank = true;
    s->place = AT_END;
    if (!skip_space(s)) {
        if (!s->error)
            note(s, OPA_F_JSON_INVALID, s->at == 0 ? "the file is empty" : "the file holds nothing but white space");
        return s->error;
    }
    const char c = byte(s, s->at);
    if (c == '[') {
        s->array = true;
        s->place = IN_ARRAY;
        s->blank = false;
        s->at++;
        return OPA_OK;
    }
    if (c != '{' && !opa_stream_is_scalar(s, s->at))
        return s->error ? s->error : not_json(s);
    s->place = IN_VALUES;
    return s->error;
}

static int start(opa_context *ctx, opa_json_stream **out, const char *path, opa_text bytes,
                 const opa_json_options *options, opa_findings *findings)
{
    opa_json_stream *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return opa_fail_memory(ctx);
    s->ctx = ctx;
    s->findings = findings;
    s->options = options ? *options : (opa_json_options)OPA_JSON_OPTIONS_INIT;
    s->line = s->options.first_line;
    int status = OPA_OK;
    if (path)
        status = opa_window_open(ctx, &s->window, path);
    else
        opa_window_memory(ctx, &s->window, bytes);
    if (status == OPA_OK)
        status = begin(s);
    if (status == OPA_OK)
        *out = s;
    else
        opa_json_stream_free(s);
    return status;
}

int opa_json_stream_open(opa_context *ctx, opa_json_stream **out, const char *path, const opa_json_options *options,
                         opa_findings *findings)
{
    return start(ctx, out, path, (opa_text){0}, options, findings);
}

int opa_json_stream_memory(opa_context *ctx, opa_json_stream **out, opa_text bytes, const opa_json_options *options,
                           opa_findings *findings)
{
    return start(ctx, out, NULL, bytes.data ? bytes : OPA_TEXT(""), options, findings);
}

void opa_json_stream_progress(const opa_json_stream *stream, int64_t *done, int64_t *total)
{
    const opa_window *w = &stream->window;
    *done = (int64_t)(w->fd < 0 ? stream->at : opa_window_end(w));
    *total = w->total;
}

bool opa_json_stream_is_array(const opa_json_stream *stream)
{
    return stream->array;
}

void opa_json_stream_free(opa_json_stream *stream)
{
    if (!stream)
        return;
    opa_window_release(&stream->window);
    free(stream);
}
