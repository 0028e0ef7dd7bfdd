/* SPDX-License-Identifier: Apache-2.0 */
/** @file streaming.h
 *  What stream.c (a file, between its records) and record.c (one record) share: the handle, and steps over its window.
 */
#ifndef OPA_JSON_STREAMING_H
#define OPA_JSON_STREAMING_H

#include <opapairs/json.h>

#include "json/window.h"

/* Longest indentation and first key that are learnt. */
#define INDENT_MAX 64
#define KEY_MAX 128

enum place { IN_ARRAY, BEHIND_ARRAY, IN_VALUES, AT_END };
enum layout { UNKNOWN, BY_LINE, BY_INDENT, BY_KEY };

struct opa_json_stream {
    opa_context *ctx;
    opa_findings *findings;
    opa_json_options options;
    opa_window window;
    int error; /* status of a failed read or allocation; acts like the end of the file until next() returns it */

    enum place place;
    bool array;
    size_t at;
    int64_t line, index;
    size_t noted;
    unsigned repaired; /* a bit for each kind of repair that was said */

    /* between records */
    size_t commas, elements;
    bool garbage;   /* text behind the array: a damaged record if another one follows, else nothing */
    bool recovered; /* the record before was damaged: the comma behind it may be part of it */
    bool blank;     /* nothing but white space on this line so far, kept in indent */
    char indent[INDENT_MAX];
    size_t indent_size;

    /* the record that is being read */
    bool reading, oversize;
    size_t start;
    size_t quote;   /* where the last string begins */
    size_t newline; /* the last line break outside strings; start when there is none */

    /* what the first record looked like */
    enum layout layout;
    bool pretty; /* its bracket stands alone on its line */
    char first_indent[INDENT_MAX];
    size_t first_indent_size;
    char opening;
    char key[KEY_MAX]; /* with its quotes */
    size_t key_size;
};

/** Read on until the byte at this offset is in memory; false at the end of the file. */
bool opa_stream_read_to(opa_json_stream *s, size_t at);
/** Move to the next line break, or the end; nothing on the way is kept unless a record is being read. */
void opa_stream_skip_line(opa_json_stream *s);
/** Do these bytes stand at this offset? */
bool opa_stream_begins_with(opa_json_stream *s, size_t at, const char *what, size_t size);
/** Does a text, a number, true, NaN ... begin at this offset, by its first bytes? */
bool opa_stream_is_scalar(opa_json_stream *s, size_t at);
/** Read the record that begins here; then stands where the next one may begin. OPA_OK and bytes, truncated, damaged of
 *  *out; OPA_END: text behind the array, and no record in it; OPA_ERECORD: over the limit. */
int opa_stream_record(opa_json_stream *s, opa_json_record *out);

/* Is there a byte at this offset? */
static inline bool have(opa_json_stream *s, size_t at)
{
    return opa_window_shows(&s->window, at) || opa_stream_read_to(s, at);
}

static inline const char *ptr(const opa_json_stream *s, size_t at)
{
    return opa_window_at(&s->window, at);
}

static inline char byte(const opa_json_stream *s, size_t at)
{
    return *opa_window_at(&s->window, at);
}

static inline size_t buffered(const opa_json_stream *s, size_t at)
{
    return opa_window_end(&s->window) - at;
}

static inline bool space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#endif
