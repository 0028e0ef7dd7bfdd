/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/json.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/context.h"
#include "base/utf8.h"
#include "json/number.h"
#include "json/scan.h"

struct opa_json_writer {
    opa_context *ctx;
    opa_buffer out;
    size_t depth; /* open containers; values side by side at depth 0 get no comma */
    bool comma;   /* a value stands before the next one */
};

int opa_json_writer_new(opa_context *ctx, opa_json_writer **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return opa_fail_memory(ctx);
    (*out)->ctx = ctx;
    return OPA_OK;
}

void opa_json_writer_free(opa_json_writer *w)
{
    if (!w)
        return;
    opa_buffer_release(&w->out);
    free(w);
}

static void before(opa_json_writer *w)
{
    if (w->comma && w->depth > 0)
        opa_buffer_add_char(&w->out, ',');
    w->comma = true;
}

static void begin(opa_json_writer *w, char c)
{
    before(w);
    opa_buffer_add_char(&w->out, c);
    w->depth++;
    w->comma = false;
}

static void end(opa_json_writer *w, char c)
{
    opa_buffer_add_char(&w->out, c);
    w->depth -= w->depth > 0;
    w->comma = true;
}

void opa_json_begin_object(opa_json_writer *w)
{
    begin(w, '{');
}

void opa_json_end_object(opa_json_writer *w)
{
    end(w, '}');
}

void opa_json_begin_array(opa_json_writer *w)
{
    begin(w, '[');
}

void opa_json_end_array(opa_json_writer *w)
{
    end(w, ']');
}

static void escape(opa_buffer *out, unsigned char c)
{
    static const char named[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                                    {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if ((unsigned char)named[i][0] == c) {
            opa_buffer_add(out, (char[]){'\\', named[i][1]}, 2);
            return;
        }
    }
    opa_buffer_printf(out, "\\u%04x", c);
}

static bool in_range(uint32_t c, uint32_t first, uint32_t last)
{
    return c >= first && c <= last;
}

/* Write the run of characters above U+007F that begins at i; returns where it ends. A lone surrogate becomes an escape.
 * Two halves side by side are no WTF-8 (the guard never makes them); as a reader would join their escapes anyway, the
 * character of both is written. What is no WTF-8 becomes U+FFFD, byte by byte. */
static size_t high_run(opa_buffer *out, opa_text text, size_t i)
{
    size_t done = i;
    while (i < text.size && (unsigned char)text.data[i] >= 0x80) {
        uint32_t c = 0, low = 0;
        const size_t n = opa_wtf8_decode(&c, text.data + i, text.size - i);
        if (n > 0 && !in_range(c, 0xD800, 0xDFFF)) {
            i += n;
            continue;
        }
        opa_buffer_add(out, text.data + done, i - done);
        if (n == 0) {
            opa_buffer_add_string(out, "\\ufffd");
            i++;
        } else if (in_range(c, 0xD800, 0xDBFF) && opa_wtf8_decode(&low, text.data + i + n, text.size - i - n) == 3 &&
                   in_range(low, 0xDC00, 0xDFFF)) {
            char both[4];
            opa_buffer_add(out, both, opa_wtf8_encode(both, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00)));
            i += 6;
        } else {
            opa_buffer_printf(out, "\\u%04x", c);
            i += 3;
        }
        done = i;
    }
    opa_buffer_add(out, text.data + done, i - done);
    return i;
}

static void quoted(opa_buffer *out, opa_text text)
{
    opa_buffer_reserve(out, text.size + 2);
    opa_buffer_add_char(out, '"');
    for (size_t i = 0; i < text.size;) {
        const size_t n = opa_json_scan_plain(text.data + i, text.size - i);
        opa_buffer_add(out, text.data + i, n);
        i += n;
        if (i == text.size)
            break;
        if ((unsigned char)text.data[i] >= 0x80)
            i = high_run(out, text, i);
        else
            escape(out, (unsigned char)text.data[i++]);
    }
    opa_buffer_add_char(out, '"');
}

void opa_json_write_key(opa_json_writer *w, const char *key)
{
    opa_json_write_key_text(w, (opa_text){key, strlen(key)});
}

void opa_json_write_key_text(opa_json_writer *w, opa_text key)
{
    before(w);
    quoted(&w->out, key);
    opa_buffer_add_char(&w->out, ':');
    w->comma = false;
}

void opa_json_write_text(opa_json_writer *w, opa_text text)
{
    if (!text.data) {
        opa_json_write_null(w);
        return;
    }
    before(w);
    quoted(&w->out, text);
}

void opa_json_write_string(opa_json_writer *w, const char *s)
{
    opa_json_write_text(w, s ? (opa_text){s, strlen(s)} : (opa_text){0});
}

void opa_json_write_integer(opa_json_writer *w, int64_t n)
{
    char text[24], *p = text + sizeof text;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    before(w);
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (n < 0)
        *--p = '-';
    opa_buffer_add(&w->out, p, (size_t)(text + sizeof text - p));
}

void opa_json_write_number(opa_json_writer *w, double x)
{
    if (!isfinite(x)) {
        opa_json_write_null(w);
        return;
    }
    char text[OPA_JSON_NUMBER_SIZE];
    before(w);
    opa_buffer_add(&w->out, text, opa_json_number_format(text, x));
}

void opa_json_write_bool(opa_json_writer *w, bool b)
{
    before(w);
    opa_buffer_add_string(&w->out, b ? "true" : "false");
}

void opa_json_write_null(opa_json_writer *w)
{
    before(w);
    opa_buffer_add_string(&w->out, "null");
}

/* Bytes up to the closing quote's end; s begins behind the opening one. */
static size_t string_end(const char *s, size_t size)
{
    size_t i = 0;
    for (;;) {
        i += opa_json_scan_string(s + i, size - i);
        if (i == size)
            return size;
        if (s[i] == '"')
            return i + 1;
        i += s[i] == '\\' && size - i > 1 ? 2 : 1;
    }
}

void opa_json_write_raw(opa_json_writer *w, opa_text json)
{
    before(w);
    opa_buffer_reserve(&w->out, json.size);
    size_t done = 0;
    for (size_t i = 0; i < json.size;) {
        const char c = json.data[i];
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            opa_buffer_add(&w->out, json.data + done, i - done);
            done = ++i;
        } else {
            i++;
            if (c == '"')
                i += string_end(json.data + i, json.size - i);
        }
    }
    opa_buffer_add(&w->out, json.data + done, json.size - done);
}

int opa_json_writer_finish(opa_json_writer *w, opa_text *out)
{
    *out = opa_buffer_text(&w->out);
    return w->out.failed ? opa_fail_memory(w->ctx) : OPA_OK;
}

void opa_json_writer_clear(opa_json_writer *w)
{
    opa_buffer_clear(&w->out);
    w->depth = 0;
    w->comma = false;
}
