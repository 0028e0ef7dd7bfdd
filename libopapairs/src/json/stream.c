/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a file into records by its brackets and quotes alone; whether a record is JSON is the guard's business. A window
 * of the file slides over it: the record that is being read stays in memory, nothing else.
 *
 * A damaged record must not hide those behind it. Damage shows as a line break inside a string, brackets that do not
 * match, or a token where none can be (a lost quote turns texts into structure). The next record is then found by what
 * the first one looked like: BY_LINE    values, a line each: the next line begins the next record; BY_INDENT  records
 * begin lines and what is in them stands deeper (json.dump(indent=4)), or are a line each in an array: a line with the
 * first record's indentation and bracket begins a record, whatever is still open; BY_KEY     all else: a bracket that
 * closes, maybe a comma, then '{' and the first record's first key. */
#define _GNU_SOURCE /* memmem */
#include <opapairs/json.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"
#include "base/findings.h"
#include "json/scan.h"

#define CHUNK ((size_t)256 << 10)
/* Longest indentation and first key that are learnt. */
#define INDENT_MAX 64
#define KEY_MAX 128
/* What stays in memory of a record over the limit: enough to look back over a key and its indentation. */
#define LOOK_BACK 256
/* Levels whose kind of bracket is remembered; deeper ones are only counted (the guard refuses them anyway). */
#define KINDS 1024
/* Findings on the file that are listed. */
#define LISTED_MAX 32

enum place { IN_ARRAY, BEHIND_ARRAY, IN_VALUES, AT_END };
enum layout { UNKNOWN, BY_LINE, BY_INDENT, BY_KEY };
enum outcome { WHOLE, DAMAGED, CUT };

/* All positions are offsets in the file; data[0] is the byte at base. */
struct opa_json_stream {
    opa_context *ctx;
    opa_findings *findings;
    opa_json_options options;
    int fd; /* -1: bytes in memory */
    bool owns_fd, eof;
    int error; /* status of a failed read or allocation; acts like the end of the file until next() returns it */
    const char *data;
    char *own; /* data when it was read */
    size_t base, size, capacity;
    int64_t total;

    enum place place;
    bool array;
    size_t at;
    int64_t line, index;
    size_t noted;

    /* between records */
    size_t commas, elements;
    bool garbage;   /* text behind the array: a damaged record if another one follows, else nothing */
    bool recovered; /* the record before was damaged: the comma behind it may be part of it */
    bool same_line; /* a record ended on this line */
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

/* ---- the window ---- */

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

/* Read more; false at the end. What lies before `keep` may go. */
static bool refill(opa_json_stream *s)
{
    if (s->eof || s->error)
        return false;
    size_t keep = s->reading ? s->start : s->at;
    if (s->reading && s->base + s->size - s->start > s->options.max_size) {
        s->oversize = true;
        keep = s->base + s->size - LOOK_BACK > s->start ? s->base + s->size - LOOK_BACK : s->start;
    }
    keep = keep > s->base ? keep : s->base;
    const size_t drop = keep - s->base;
    if (drop && s->size > drop)
        memmove(s->own, s->own + drop, s->size - drop);
    s->base += drop;
    s->size -= drop;
    if (s->capacity - s->size < CHUNK) {
        const size_t capacity = s->capacity ? s->capacity * 2 : 2 * CHUNK;
        char *own = realloc(s->own, capacity);
        if (!own) {
            s->error = opa_fail_memory(s->ctx);
            return false;
        }
        s->data = s->own = own;
        s->capacity = capacity;
    }
    ssize_t n;
    do
        n = read(s->fd, s->own + s->size, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        s->error = opa_fail(s->ctx, OPA_EIO, "reading failed at byte %zu: %s", s->base + s->size, strerror(errno));
    s->eof = n <= 0;
    s->size += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Is there a byte at this offset? */
static inline bool have(opa_json_stream *s, size_t at)
{
    while (at - s->base >= s->size)
        if (!refill(s))
            return false;
    return true;
}

static inline const char *ptr(const opa_json_stream *s, size_t at)
{
    return s->data + (at - s->base);
}

static inline char byte(const opa_json_stream *s, size_t at)
{
    return s->data[at - s->base];
}

static size_t buffered(const opa_json_stream *s, size_t at)
{
    return s->base + s->size - at;
}

static bool space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static int64_t count_lines(const char *s, size_t size)
{
    int64_t count = 0;
    const char *end = s + size;
    while (s < end && (s = memchr(s, '\n', (size_t)(end - s)))) {
        count++;
        s++;
    }
    return count;
}

/* Move to an offset that is in memory, in either direction. */
static void seek(opa_json_stream *s, size_t to)
{
    if (to >= s->at)
        s->line += count_lines(ptr(s, s->at), to - s->at);
    else
        s->line -= count_lines(ptr(s, to), s->at - to);
    s->at = to;
}

/* Move to the next line break, or the end; nothing on the way is kept when `reading` is off. */
static void skip_line(opa_json_stream *s)
{
    while (have(s, s->at)) {
        const size_t n = buffered(s, s->at);
        const char *hit = memchr(ptr(s, s->at), '\n', n);
        s->at += hit ? (size_t)(hit - ptr(s, s->at)) : n;
        if (hit)
            return;
    }
}

static bool begins_with(opa_json_stream *s, size_t at, const char *what, size_t size)
{
    return size == 0 || (have(s, at + size - 1) && memcmp(ptr(s, at), what, size) == 0);
}

/* ---- the look of the first record ---- */

/* Offset of the first byte at or behind `at` that is no blank. */
static size_t past_blanks(opa_json_stream *s, size_t at)
{
    while (have(s, at) && (byte(s, at) == ' ' || byte(s, at) == '\t' || byte(s, at) == '\r'))
        at++;
    return at;
}

static void learn_key(opa_json_stream *s)
{
    size_t at = s->at + 1;
    while (have(s, at) && space(byte(s, at)) && at - s->at < LOOK_BACK)
        at++;
    if (!have(s, at) || byte(s, at) != '"')
        return;
    for (size_t i = 0; i < KEY_MAX && have(s, at + i); i++) {
        s->key[i] = byte(s, at + i);
        if (i > 0 && s->key[i] == '"') {
            s->key_size = i + 1;
            return;
        }
    }
}

/* Stands at the bracket of the first record that has one. */
static void learn(opa_json_stream *s)
{
    s->opening = byte(s, s->at);
    memcpy(s->first_indent, s->indent, s->indent_size);
    s->first_indent_size = s->indent_size;
    if (s->opening == '{')
        learn_key(s);
    const size_t after = past_blanks(s, s->at + 1);
    s->pretty = have(s, after) && byte(s, after) == '\n';
    s->layout = BY_KEY;
    if (!s->blank)
        return;
    if (!s->pretty) {
        s->layout = s->array ? BY_INDENT : s->indent_size == 0 ? BY_LINE : BY_KEY;
        return;
    }
    const size_t deeper = after + 1 + s->indent_size;
    if (begins_with(s, after + 1, s->indent, s->indent_size) && have(s, deeper) &&
        (byte(s, deeper) == ' ' || byte(s, deeper) == '\t'))
        s->layout = BY_INDENT;
}

/* Does the line that begins at `at` begin a record (or end the array), whatever is still open? */
static bool is_sign(opa_json_stream *s, size_t at)
{
    if (s->layout != BY_INDENT && s->layout != BY_LINE)
        return false;
    if (s->array && have(s, at) && byte(s, at) == ']')
        return true;
    if (!begins_with(s, at, s->first_indent, s->first_indent_size))
        return false;
    at += s->first_indent_size;
    if (!have(s, at) || byte(s, at) != s->opening)
        return false;
    if (!s->pretty)
        return true;
    at = past_blanks(s, at + 1);
    return have(s, at) && byte(s, at) == '\n';
}

/* ---- one record ---- */

/* Stands at an opening quote; WHOLE: behind the closing one; DAMAGED: at a line break. */
static enum outcome read_string(opa_json_stream *s)
{
    s->quote = s->at++;
    for (;;) {
        if (!have(s, s->at))
            return CUT;
        const size_t n = buffered(s, s->at);
        const size_t plain = opa_json_scan_string(ptr(s, s->at), n);
        s->at += plain;
        if (plain == n)
            continue;
        const char c = byte(s, s->at);
        if (c == '\n')
            return DAMAGED;
        s->at++;
        if (c == '"')
            return WHOLE;
        if (!have(s, s->at))
            return CUT;
        s->at += byte(s, s->at) != '\n';
    }
}

/* The open brackets: how many, and of which kind the outer ones are. */
typedef struct nesting {
    size_t depth;
    uint64_t objects[KINDS / 64];
} nesting;

static void nest(nesting *n, bool object)
{
    if (n->depth < KINDS) {
        const uint64_t bit = (uint64_t)1 << n->depth % 64;
        n->objects[n->depth / 64] = (n->objects[n->depth / 64] & ~bit) | (object ? bit : 0);
    }
    n->depth++;
}

/* Can the token that begins with c stand behind `last`? Letters and digits are 'x', strings '"'. Says yes to some that
 * the guard refuses: it only has to notice when quotes or brackets are out of step. */
static bool fits(const nesting *n, char last, char c)
{
    if (n->depth == 0)
        return true;
    if (n->depth > KINDS)
        return true;
    const bool object = n->objects[(n->depth - 1) / 64] >> (n->depth - 1) % 64 & 1;
    switch (c) {
    case '}':
        return object;
    case ']':
        return !object;
    case ',':
        return true;
    case ':':
        return object && last == '"';
    case '"':
        return object ? last == '{' || last == ',' || last == ':' : last == '[' || last == ',';
    case 'x':
        if (last == 'x')
            return true;
        /* fall through */
    default:
        return object ? last == ':' : last == '[' || last == ',';
    }
}

/* The kind of token that begins with c. */
static char kind_of(char c)
{
    switch (c) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',':
    case '"':
        return c;
    default:
        return 'x';
    }
}

/* Stands at an opening bracket. */
static enum outcome read_container(opa_json_stream *s)
{
    nesting n = {0};
    char last = ':';
    do {
        if (!have(s, s->at))
            return CUT;
        char c = byte(s, s->at);
        if (c == '\n') {
            s->newline = s->at;
            if (is_sign(s, s->at + 1))
                return DAMAGED;
            s->line++;
            s->at++;
            continue;
        }
        if (space(c)) {
            s->at++;
            continue;
        }
        c = kind_of(c);
        if (!fits(&n, last, c))
            return DAMAGED;
        last = c;
        if (c == '"') {
            const enum outcome o = read_string(s);
            if (o != WHOLE)
                return o;
            continue;
        }
        s->at++;
        if (c == '{' || c == '[')
            nest(&n, c == '{');
        else if (c == '}' || c == ']')
            n.depth--;
    } while (n.depth > 0);
    return WHOLE;
}

/* A number, true, NaN ... by its first bytes. */
static bool is_scalar(opa_json_stream *s, size_t at)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity"};
    if (!have(s, at))
        return false;
    const char c = byte(s, at);
    if (c == '"' || (c >= '0' && c <= '9') || c == '-')
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (begins_with(s, at, words[i], strlen(words[i])))
            return true;
    return false;
}

static enum outcome read_token(opa_json_stream *s)
{
    if (s->place == IN_VALUES && !is_scalar(s, s->at))
        return DAMAGED;
    while (have(s, s->at)) {
        const char c = byte(s, s->at);
        if (space(c) || kind_of(c) != 'x')
            return WHOLE;
        s->at++;
    }
    return s->array ? CUT : WHOLE; /* "12" may have been 123 */
}

/* Among records with brackets, a text or number is taken for one only when a comma or the array's end follows: it may
 * also be what a lost bracket or a stray quote left of a record. */
static enum outcome read_scalar(opa_json_stream *s)
{
    const enum outcome o = byte(s, s->at) == '"' ? read_string(s) : read_token(s);
    if (o != WHOLE || !s->array || s->layout == UNKNOWN)
        return o;
    size_t at = s->at;
    while (have(s, at) && space(byte(s, at)))
        at++;
    return !have(s, at) || byte(s, at) == ',' || byte(s, at) == ']' ? WHOLE : DAMAGED;
}

/* ---- behind a damaged record ---- */

static void recover_by_indent(opa_json_stream *s)
{
    /* The damage may have been noticed on the line that begins the next record. */
    if (s->newline > s->start && s->newline >= s->base)
        seek(s, s->newline);
    for (;;) {
        skip_line(s);
        if (!have(s, s->at) || is_sign(s, s->at + 1))
            return;
        s->line++;
        s->at++;
    }
}

/* The '{' before the key at `at`, where it begins a record: a closing bracket, maybe a comma, '{'. 0: it does not. */
static size_t record_before(const opa_json_stream *s, size_t at)
{
    const size_t floor = s->start + 1 > s->base ? s->start + 1 : s->base;
    size_t brace = at;
    while (brace > floor && space(byte(s, brace - 1)))
        brace--;
    if (brace <= floor || byte(s, brace - 1) != '{')
        return 0;
    size_t before = --brace;
    bool comma = false;
    while (before > floor && (space(byte(s, before - 1)) || (!comma && byte(s, before - 1) == ','))) {
        comma |= byte(s, before - 1) == ',';
        before--;
    }
    return before > floor && byte(s, before - 1) == '}' ? brace : 0;
}

static void recover_by_key(opa_json_stream *s)
{
    const size_t from = s->quote > s->start ? s->quote : s->start + 1;
    if (from < s->at && from >= s->base)
        seek(s, from);
    while (have(s, s->at)) {
        const size_t n = buffered(s, s->at);
        const char *hit = s->key_size ? memmem(ptr(s, s->at), n, s->key, s->key_size) : NULL;
        if (hit) {
            seek(s, s->at + (size_t)(hit - ptr(s, s->at)));
            const size_t brace = record_before(s, s->at);
            if (brace) {
                seek(s, brace);
                return;
            }
            s->at++; /* over the quote */
        } else if (s->key_size && n >= s->key_size) {
            seek(s, s->at + n - s->key_size + 1);
        } else if (!have(s, s->base + s->size)) {
            seek(s, s->base + s->size);
        } else if (!s->key_size) {
            seek(s, s->at + n);
        }
    }
}

/* The end of the array, when nothing but it was found behind a damaged record. */
static void give_back_bracket(opa_json_stream *s)
{
    size_t end = s->at;
    while (end > s->start && end > s->base && space(byte(s, end - 1)))
        end--;
    if (s->array && end > s->start + 1 && end > s->base && byte(s, end - 1) == ']')
        seek(s, end - 1);
}

/* Move to where the next record may begin; returns where the damaged one ends. */
static size_t recover(opa_json_stream *s)
{
    if (s->layout == BY_LINE || (s->layout != BY_INDENT && !s->array && !s->key_size))
        skip_line(s);
    else if (s->layout == BY_INDENT)
        recover_by_indent(s);
    else
        recover_by_key(s);
    if (!have(s, s->at))
        give_back_bracket(s);
    size_t end = s->at;
    while (end > s->start + 1 && end > s->base && (space(byte(s, end - 1)) || byte(s, end - 1) == ','))
        end--;
    return end;
}

static int read_record(opa_json_stream *s, opa_json_record *out)
{
    const char c = byte(s, s->at);
    s->start = s->newline = s->at;
    s->quote = s->at;
    s->oversize = false;
    s->reading = true;
    out->line = s->line;
    out->offset = (int64_t)s->at;
    if ((c == '{' || c == '[') && s->layout == UNKNOWN && !s->garbage)
        learn(s);
    const enum outcome o = s->garbage ? DAMAGED : c == '{' || c == '[' ? read_container(s) : read_scalar(s);
    const size_t end = o == DAMAGED ? recover(s) : s->at;
    const bool nothing = s->garbage && (!have(s, s->at) || byte(s, s->at) == ']');
    s->reading = s->garbage = false;
    if (s->error)
        return s->error;
    if (nothing) {
        s->place = AT_END;
        return OPA_END;
    }
    out->truncated = o == CUT;
    out->damaged = o == DAMAGED;
    s->recovered = o == DAMAGED;
    s->same_line = true;
    s->blank = false;
    s->commas = 0;
    s->elements++;
    s->index++;
    if (o == CUT)
        s->place = AT_END;
    if (s->oversize || end - s->start > s->options.max_size)
        return opa_fail(s->ctx, OPA_ERECORD, "line %lld: a record of more than %zu bytes, the limit",
                        (long long)out->line, s->options.max_size);
    out->bytes = (opa_text){ptr(s, s->start), end - s->start};
    return OPA_OK;
}

/* ---- between records ---- */

/* White space; false at the end. Remembers the indentation of the line. */
static bool skip_space(opa_json_stream *s)
{
    for (; have(s, s->at) && space(byte(s, s->at)); s->at++) {
        const char c = byte(s, s->at);
        if (c == '\n') {
            s->line++;
            s->same_line = false;
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
                note(s, OPA_F_JSON_INVALID, "a comma without a record before it");
        } else if (c == ']') {
            if (s->commas)
                note(s, OPA_F_JSON_INVALID, "a comma behind the last record");
            s->at++;
            s->place = BEHIND_ARRAY;
            return OPA_OK;
        } else if (c == '}' || c == ':') {
            note(s, OPA_F_JSON_INVALID, "a stray bracket or colon between records");
            while (have(s, s->at + 1) && (byte(s, s->at + 1) == '}' || byte(s, s->at + 1) == ':'))
                s->at++;
        } else {
            if (s->elements && !s->commas && !s->recovered)
                note(s, OPA_F_JSON_INVALID, "the comma between two records is missing");
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
        note(s, OPA_F_JSON_INVALID, "a second array behind the first one; its records are read too");
        s->at++;
        s->elements = 0;
        s->commas = 0;
    } else if (c == ',' || c == '{') {
        note(s, OPA_F_JSON_INVALID, "records behind the end of the array; they are read");
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
        if (c == ',') {
            note(s, OPA_F_JSON_INVALID, "a comma between records that stand in no array");
            s->at++;
        } else if (s->same_line && c != '{' && c != '[' && !is_scalar(s, s->at)) {
            note(s, OPA_F_JSON_INVALID, "text behind a record; the rest of the line is not read");
            skip_line(s);
        } else {
            return OPA_OK;
        }
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
    return status == OPA_OK ? read_record(s, out) : status;
}

/* ---- opening ---- */

typedef struct magic {
    const char *bytes;
    size_t size;
    const char *what;
} magic;

#define MAGIC(bytes, what)                                                                                             \
    {                                                                                                                  \
        bytes, sizeof(bytes) - 1, what                                                                                 \
    }

/* Files that people hand over in place of JSON. */
static const magic magics[] = {
    MAGIC("\x1F\x8B",
          "is compressed with gzip: unpack it first (gzip -d), or pipe it: zcat FILE | opapairs import STORE -"),
    MAGIC("\x28\xB5\x2F\xFD", "is compressed with zstd: unpack it first (zstd -d)"),
    MAGIC("\xFD\x37\x7A\x58\x5A\x00", "is compressed with xz: unpack it first (xz -d)"),
    MAGIC("BZh", "is compressed with bzip2: unpack it first (bzip2 -d)"),
    MAGIC("PK\x03\x04", "is a zip archive: unpack it first (unzip)"),
    MAGIC("\xFF\xFE", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
    MAGIC("\xFE\xFF", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
    MAGIC("{\x00", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16LE -t UTF-8)"),
    MAGIC("[\x00", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16LE -t UTF-8)"),
    MAGIC("\x00{", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16BE -t UTF-8)"),
    MAGIC("\x00[", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16BE -t UTF-8)"),
    MAGIC("PAR1", "is a Parquet file, which is not read"),
    MAGIC("ARROW1", "is an Arrow file, which is not read"),
    MAGIC("SQLite format 3", "is an SQLite database, not JSON"),
    MAGIC("\xFF\xD8\xFF", "is a JPEG image, not JSON"),
    MAGIC("\x89PNG", "is a PNG image, not JSON"),
    MAGIC("%PDF", "is a PDF document, not JSON"),
};

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

/* Look at the first bytes. */
static int begin(opa_json_stream *s)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (begins_with(s, 0, magics[i].bytes, magics[i].size))
            return s->error ? s->error : opa_fail(s->ctx, OPA_EDATA, "%s", magics[i].what);
    if (begins_with(s, 0, "\xEF\xBB\xBF", 3)) {
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
    if (c != '{' && !is_scalar(s, s->at))
        return s->error ? s->error : not_json(s);
    s->place = IN_VALUES;
    return s->error;
}

static int open_file(opa_json_stream *s, const char *path)
{
    struct stat st;
    s->owns_fd = strcmp(path, "-") != 0;
    s->fd = s->owns_fd ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (s->fd < 0) {
        const bool absent = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
        return opa_fail(s->ctx, absent ? OPA_ENOENT : OPA_EIO, "cannot be opened: %s", strerror(errno));
    }
    if (fstat(s->fd, &st) != 0)
        return opa_fail(s->ctx, OPA_EIO, "cannot be read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return opa_fail(s->ctx, OPA_ENOENT, "is a folder, not a file");
    s->total = S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
    return OPA_OK;
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
    s->fd = -1;
    s->eof = !path;
    s->data = bytes.data;
    s->size = bytes.size;
    s->total = (int64_t)bytes.size;
    int status = path ? open_file(s, path) : OPA_OK;
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
    *done = (int64_t)(stream->fd < 0 ? stream->at : stream->base + stream->size);
    *total = stream->total;
}

bool opa_json_stream_is_array(const opa_json_stream *stream)
{
    return stream->array;
}

void opa_json_stream_free(opa_json_stream *stream)
{
    if (!stream)
        return;
    if (stream->owns_fd && stream->fd >= 0)
        close(stream->fd);
    free(stream->own);
    free(stream);
}
