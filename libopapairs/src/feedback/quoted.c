/* SPDX-License-Identifier: Apache-2.0 */
#include "feedback/quoted.h"

#include <string.h>

#include "base/utf8.h"
#include "feedback/fields.h"

/* Longest key that is looked for when a quote may be the start of one. */
#define KEY_LOOK 128

static size_t quote_char(const opa_scanner *s, size_t at, uint32_t *c)
{
    if (at >= s->text.size)
        return 0;
    const size_t n = opa_wtf8_decode(c, s->text.data + at, s->text.size - at);
    return n && (*c == '"' || *c == '\'' || *c == '`' || (*c >= 0x2018 && *c <= 0x201F)) ? n : 0;
}

size_t opa_quote_at(const opa_scanner *s, size_t at)
{
    uint32_t c;
    return quote_char(s, at, &c);
}

/* Can @p c end what @p open began? Typographic pairs are often mixed up, so any of the same weight will do. */
static bool pairs_with(uint32_t open, uint32_t c)
{
    if (open >= 0x201C && open <= 0x201F)
        return c == '"' || (c >= 0x201C && c <= 0x201F);
    if (open >= 0x2018 && open <= 0x201B)
        return c == '\'' || (c >= 0x2018 && c <= 0x201B);
    return c == open;
}

bool opa_quoted_key_at(const opa_scanner *s, size_t at, bool *known)
{
    uint32_t open, c;
    const size_t n = quote_char(s, at, &open);
    if (known)
        *known = false;
    if (n == 0)
        return false;
    const size_t begin = at + n;
    size_t i = begin;
    for (; i < s->text.size && i - begin < KEY_LOOK; i++) {
        const char b = s->text.data[i];
        if (b == '\n' || b == '\\')
            return false;
        const size_t m = b == '"' || b == '\'' || b == '`' || (b & 0x80) ? quote_char(s, i, &c) : 0;
        if (m == 0 || !pairs_with(open, c))
            continue;
        const size_t after = opa_scanner_skipped(s, i + m);
        const opa_text key = {s->text.data + begin, i - begin};
        int64_t number;
        if (known)
            *known = opa_field_of(key, NULL) != OPA_FIELD_NONE || opa_key_number(key, &number, NULL);
        return after >= s->text.size || s->text.data[after] == ':';
    }
    return i >= s->text.size;
}

/* An unquoted word and its colon: the other form of a key. */
static bool bare_key_at(const opa_scanner *s, size_t at)
{
    const size_t begin = at;
    for (; at < s->text.size && at - begin < KEY_LOOK; at++) {
        const char c = s->text.data[at];
        if (c == ':')
            return at > begin;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return at >= s->text.size && at > begin;
}

/* Does a value begin here? For items of a list. */
static bool item_at(const opa_scanner *s, size_t at)
{
    const char c = opa_scanner_peek(s, at);
    return at >= s->text.size || c == ']' || c == '{' || c == '[' || c == '-' || (c >= '0' && c <= '9') ||
           opa_quote_at(s, at) > 0;
}

/* A quote stands before @p after: does what follows say that it ends the string? */
static bool ends_here(const opa_scanner *s, size_t after, opa_quoted_place place)
{
    if (place == OPA_QUOTED_KEY)
        return true;
    size_t i = opa_scanner_skipped(s, after);
    const char c = opa_scanner_peek(s, i);
    if (i >= s->text.size || c == '}')
        return true;
    if (place == OPA_QUOTED_ITEM && c == ']')
        return true;
    if (c == ',' || c == ';') {
        i = opa_scanner_skipped(s, i + 1);
        if (opa_scanner_peek(s, i) == ',' || opa_scanner_peek(s, i) == '}')
            return true;
    }
    if (place == OPA_QUOTED_ITEM)
        return item_at(s, i);
    return i >= s->text.size || opa_quoted_key_at(s, i, NULL) || bare_key_at(s, i);
}

/* A known key with its colon begins here, behind a comma or a line break: whatever string we are in must have ended. */
static bool key_interrupts(const opa_scanner *s, size_t at)
{
    bool known;
    size_t i = at;
    while (i > 0 && (s->text.data[i - 1] == ' ' || s->text.data[i - 1] == '\t' || s->text.data[i - 1] == '\r'))
        i--;
    return i > 0 && (s->text.data[i - 1] == ',' || s->text.data[i - 1] == '\n') && opa_quoted_key_at(s, at, &known) &&
           known;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* @p n hexadecimal digits at @p at. */
static bool hex_at(opa_text text, size_t at, size_t n, uint32_t *out)
{
    *out = 0;
    if (n > text.size || at > text.size - n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const int v = hex_value(text.data[at + i]);
        if (v < 0)
            return false;
        *out = *out << 4 | (uint32_t)v;
    }
    return true;
}

/* One code point into a JSON string. */
static void put(opa_buffer *out, uint32_t c)
{
    char bytes[4];
    if (c == '"' || c == '\\')
        opa_buffer_printf(out, "\\%c", (char)c);
    else if (c == '\n')
        opa_buffer_add(out, "\\n", 2);
    else if (c < 0x20 || (c >= 0xD800 && c <= 0xDFFF))
        opa_buffer_printf(out, "\\u%04x", (unsigned)c);
    else
        opa_buffer_add(out, bytes, opa_wtf8_encode(bytes, c <= 0x10FFFF ? c : 0xFFFD));
}

/* Copy the character at the scanner's place into the string being written. */
static void put_char(opa_scanner *s)
{
    uint32_t c;
    const size_t n = opa_wtf8_decode(&c, s->text.data + s->at, s->text.size - s->at);
    if (n == 0) {
        opa_scanner_note(s, OPA_REPAIR_UTF8, s->at);
        put(&s->out, 0xFFFD);
        s->at++;
        return;
    }
    if (c < 0x20)
        opa_scanner_note(s, OPA_REPAIR_CONTROL, s->at);
    put(&s->out, c);
    s->at += n;
}

/* The escape at the scanner's place. false: the text ends in it. */
static bool put_escape(opa_scanner *s)
{
    const size_t at = s->at;
    const char c = opa_scanner_peek(s, at + 1);
    uint32_t code;
    if (at + 1 >= s->text.size)
        return false;
    if (c != '\0' && strchr("\"\\/bfnrt", c)) {
        opa_buffer_add(&s->out, s->text.data + at, 2);
        s->at += 2;
        return true;
    }
    const size_t digits = c == 'u' ? 4 : c == 'x' ? 2 : c == 'U' ? 8 : 0;
    if (digits && hex_at(s->text, at + 2, digits, &code)) {
        if (c == 'u')
            opa_buffer_add(&s->out, s->text.data + at, 6); /* as it is: halves of a pair find each other */
        else
            put(&s->out, code);
        s->at += 2 + digits;
    } else if (digits && s->text.size - at < 2 + digits) {
        return false;
    } else {
        /* "\'" and Markdown's "\_" mean the character; before a letter or a digit the backslash is meant (a path). */
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        s->at++;
        if (letter)
            put(&s->out, '\\');
        else
            put_char(s);
    }
    if (c != 'u' || s->at == at + 1)
        opa_scanner_note(s, OPA_REPAIR_ESCAPE, at);
    return true;
}

/* A run of bytes that need nothing done, up to the next that might. */
static void put_plain(opa_scanner *s)
{
    size_t i = s->at;
    for (; i < s->text.size; i++) {
        const unsigned char c = (unsigned char)s->text.data[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\'' || c == '`' || c == '\\')
            break;
    }
    opa_buffer_add(&s->out, s->text.data + s->at, i - s->at);
    s->at = i;
}

/* Take the blanks and commas before the scanner's place, which stand behind a string and not in it, out of what was
 * written. */
static void take_back_blank(opa_scanner *s, size_t begin)
{
    for (size_t i = s->at;
         !s->out.failed && i > begin + 1 && strchr(" ,\n\r\t", s->text.data[i - 1]) && s->text.data[i - 1]; i--) {
        const char c = s->text.data[i - 1];
        s->out.size -= c == ' ' || c == ',' ? 1 : c == '\n' ? 2 : 6; /* as put() wrote them */
    }
}

/* A string that is being read. */
typedef struct reading {
    opa_quoted_place place;
    uint32_t open; /* its first quote */
    size_t begin;  /* where that stands */
    size_t inner;  /* quotes inside that might have been the end */
    size_t first_inner;
    size_t after, out; /* behind the last of them: in the text, and in what was written */
} reading;

/* A key shows that the string was over: at the last quote that might have been its end, else before the blank. */
static void end_before_key(opa_scanner *s, reading *r)
{
    opa_scanner_note(s, OPA_REPAIR_UNCLOSED_STRING, r->begin);
    if (r->inner > 0) {
        s->at = r->after;
        s->out.size = r->out;
        r->inner--;
    } else {
        take_back_blank(s, r->begin);
    }
}

/* One character that is no escape; true: the string ends with it, or before it. */
static bool read_char(opa_scanner *s, reading *r)
{
    uint32_t c;
    const size_t n = quote_char(s, s->at, &c);
    if (n > 0 && r->place != OPA_QUOTED_KEY && key_interrupts(s, s->at)) {
        end_before_key(s, r);
        return true;
    }
    if (n > 0 && pairs_with(r->open, c)) {
        if (ends_here(s, s->at + n, r->place)) {
            s->at += n;
            return true;
        }
        if (r->inner++ == 0)
            r->first_inner = s->at;
        r->after = s->at + n;
        r->out = s->out.size;
    }
    put_char(s);
    return false;
}

bool opa_quoted_read(opa_scanner *s, opa_quoted_place place)
{
    reading r = {.place = place, .begin = s->at};
    s->at += quote_char(s, s->at, &r.open);
    if (r.open != '"')
        opa_scanner_note(s, OPA_REPAIR_QUOTES, r.begin);
    opa_buffer_add_char(&s->out, '"');
    for (bool ended = false; !ended;) {
        put_plain(s);
        const bool escape = opa_scanner_peek(s, s->at) == '\\';
        if (opa_scanner_ended(s) || (escape && !put_escape(s))) {
            s->at = s->text.size;
            return false;
        }
        ended = !escape && read_char(s, &r);
    }
    /* An apostrophe in a string in single quotes is no repair worth a word. */
    if (r.inner > 0 && (r.open == '"' || (r.open >= 0x201C && r.open <= 0x201F)))
        opa_scanner_note(s, OPA_REPAIR_INNER_QUOTE, r.first_inner);
    opa_buffer_add_char(&s->out, '"');
    return true;
}

void opa_quoted_write(opa_scanner *s, opa_text text)
{
    opa_scanner part = {.text = text, .out = s->out};
    opa_buffer_add_char(&part.out, '"');
    while (!opa_scanner_ended(&part))
        put_char(&part);
    opa_buffer_add_char(&part.out, '"');
    s->out = part.out;
    if (part.repairs[OPA_REPAIR_UTF8].count)
        opa_scanner_note(s, OPA_REPAIR_UTF8, s->at);
}

void opa_quoted_unescape(opa_buffer *out, opa_text text, bool quoted)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        uint32_t code, low;
        char bytes[4];
        if (c == '"' && quoted)
            return;
        if (c != '\\' || i + 1 >= text.size) {
            opa_buffer_add_char(out, c);
            continue;
        }
        const char e = text.data[++i];
        const char *known = e ? strchr(from, e) : NULL;
        if (e == 'u' && hex_at(text, i + 1, 4, &code)) {
            i += 4;
            if (code >= 0xD800 && code <= 0xDBFF && i + 2 < text.size && text.data[i + 1] == '\\' &&
                text.data[i + 2] == 'u' && hex_at(text, i + 3, 4, &low) && low >= 0xDC00 && low <= 0xDFFF) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                i += 6;
            }
            opa_buffer_add(out, bytes, opa_wtf8_encode(bytes, code));
        } else {
            opa_buffer_add_char(out, known ? to[known - from] : e);
        }
    }
}
