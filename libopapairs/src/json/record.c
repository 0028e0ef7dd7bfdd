/* SPDX-License-Identifier: Apache-2.0 */
/* One record of a stream: where it ends, by its brackets and quotes alone, and what to do when that cannot be told.
 *
 * A damaged record must not hide those behind it. Damage shows as a line break inside a string, brackets that do not
 * match, or a token where none can be (a lost quote turns texts into structure). The next record is then found by what
 * the first one looked like:
 *
 *   BY_LINE    values, a line each: the next line begins the next record.
 *   BY_INDENT  records begin lines and what is in them stands deeper (json.dump(indent=4)), or are a line each in an
 *              array: a line with the first record's indentation and bracket begins a record, whatever is still open.
 *   BY_KEY     all else: a bracket that closes, maybe a comma, then '{' and the first record's first key. */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "base/context.h"
#include "json/scan.h"
#include "json/streaming.h"

/* What stays in memory of a record over the limit: enough to look back over a key and its indentation. */
#define LOOK_BACK 256
/* Levels whose kind of bracket is remembered; deeper ones are only counted (the guard refuses them anyway). */
#define KINDS 1024

enum outcome { WHOLE, DAMAGED, CUT };

/* ---- steps over the window ---- */

/* Of a record over the limit only so much stays as recovery looks back over. */
bool opa_stream_read_to(opa_json_stream *s, size_t at)
{
    opa_window *const w = &s->window;
    while (!opa_window_shows(w, at)) {
        const size_t end = opa_window_end(w);
        size_t keep = s->reading ? s->start : s->at;
        if (s->reading && end - s->start > s->options.max_size) {
            s->oversize = true;
            keep = end - LOOK_BACK > s->start ? end - LOOK_BACK : s->start;
        }
        const int status = s->error ? OPA_END : opa_window_read(w, keep);
        if (status < 0)
            s->error = status;
        if (status != OPA_OK)
            return false;
    }
    return true;
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

void opa_stream_skip_line(opa_json_stream *s)
{
    while (have(s, s->at)) {
        const size_t n = buffered(s, s->at);
        const char *hit = memchr(ptr(s, s->at), '\n', n);
        s->at += hit ? (size_t)(hit - ptr(s, s->at)) : n;
        if (hit)
            return;
    }
}

bool opa_stream_begins_with(opa_json_stream *s, size_t at, const char *what, size_t size)
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
    if (opa_stream_begins_with(s, after + 1, s->indent, s->indent_size) && have(s, deeper) &&
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
    if (!opa_stream_begins_with(s, at, s->first_indent, s->first_indent_size))
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

bool opa_stream_is_scalar(opa_json_stream *s, size_t at)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity"};
    if (!have(s, at))
        return false;
    const char c = byte(s, at);
    if (c == '"' || (c >= '0' && c <= '9') || c == '-')
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (opa_stream_begins_with(s, at, words[i], strlen(words[i])))
            return true;
    return false;
}

static enum outcome read_token(opa_json_stream *s)
{
    if (s->place == IN_VALUES && !opa_stream_is_scalar(s, s->at))
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
    if (s->newline > s->start && s->newline >= s->window.base)
        seek(s, s->newline);
    for (;;) {
        opa_stream_skip_line(s);
        if (!have(s, s->at) || is_sign(s, s->at + 1))
            return;
        s->line++;
        s->at++;
    }
}

/* The '{' before the key at `at`, where it begins a record: a closing bracket, maybe a comma, '{'. 0: it does not. */
static size_t record_before(const opa_json_stream *s, size_t at)
{
    const size_t floor = s->start + 1 > s->window.base ? s->start + 1 : s->window.base;
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
    if (from < s->at && from >= s->window.base)
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
        } else if (!have(s, opa_window_end(&s->window))) {
            seek(s, opa_window_end(&s->window));
        } else if (!s->key_size) {
            seek(s, s->at + n);
        }
    }
}

/* The end of the array, when nothing but it was found behind a damaged record. */
static void give_back_bracket(opa_json_stream *s)
{
    size_t end = s->at;
    while (end > s->start && end > s->window.base && space(byte(s, end - 1)))
        end--;
    if (s->array && end > s->start + 1 && end > s->window.base && byte(s, end - 1) == ']')
        seek(s, end - 1);
}

/* Move to where the next record may begin; returns where the damaged one ends. */
static size_t recover(opa_json_stream *s)
{
    if (s->layout == BY_LINE || (s->layout != BY_INDENT && !s->array && !s->key_size))
        opa_stream_skip_line(s);
    else if (s->layout == BY_INDENT)
        recover_by_indent(s);
    else
        recover_by_key(s);
    if (!have(s, s->at))
        give_back_bracket(s);
    size_t end = s->at;
    while (end > s->start + 1 && end > s->window.base && (space(byte(s, end - 1)) || byte(s, end - 1) == ','))
        end--;
    return end;
}

int opa_stream_record(opa_json_stream *s, opa_json_record *out)
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
