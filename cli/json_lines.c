/* SPDX-License-Identifier: Apache-2.0 */
#include "json_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

static int hex4(const char *s, size_t size)
{
    int value = 0;
    for (size_t i = 0; i < 4; i++) {
        const char c = i < size ? s[i] : '\0';
        const int digit = c >= '0' && c <= '9'                 ? c - '0'
                          : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                               : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The escape that @p s, behind a backslash, begins with, as a character where it can be one. Returns its bytes. */
static size_t put_escape(FILE *out, const char *s, size_t size)
{
    int c = size > 0 && s[0] == 'u' ? hex4(s + 1, size - 1) : -1;
    size_t used = 5;
    if (c >= 0xD800 && c < 0xDC00 && size > 6 && s[5] == '\\' && s[6] == 'u') {
        const int low = hex4(s + 7, size - 7);
        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            used = 11;
        }
    }
    if (c < 0xA0 || (c >= 0xD800 && c < 0xE000)) {
        fprintf(out, "\\%.*s", size > 0 ? 1 : 0, s);
        return size > 0 ? 1 : 0;
    }
    utf8proc_uint8_t bytes[4];
    fwrite(bytes, 1, (size_t)utf8proc_encode_char(c, bytes), out);
    return used;
}

/* From behind the opening quote to behind the closing one. */
static size_t put_string(FILE *out, const char *s, size_t size)
{
    size_t i = 0;
    fputc('"', out);
    while (i < size && s[i] != '"') {
        if (s[i] == '\\') {
            i++;
            i += put_escape(out, s + i, size - i);
        } else {
            fputc(s[i++], out);
        }
    }
    fputc('"', out);
    return i < size ? i + 1 : i;
}

static void break_line(FILE *out, int depth)
{
    fprintf(out, "\n%*s", 2 * depth, "");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

char *json_lines(opa_text json)
{
    char *text = NULL;
    size_t size = 0;
    int depth = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < json.size;) {
        const char c = json.data[i++];
        if (is_space(c))
            continue;
        if (c == '"') {
            i += put_string(out, json.data + i, json.size - i);
            continue;
        }
        const bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
        size_t next = i;
        while (next < json.size && is_space(json.data[next]))
            next++;
        const bool empty = opens && next < json.size && (json.data[next] == '}' || json.data[next] == ']');
        if (closes)
            break_line(out, depth > 0 ? --depth : 0);
        fputc(c, out);
        if (empty) {
            fputc(json.data[next], out);
            i = next + 1;
        } else if (opens) {
            break_line(out, ++depth);
        } else if (c == ',') {
            break_line(out, depth);
        } else if (c == ':') {
            fputc(' ', out);
        }
    }
    const bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        text = NULL;
    }
    return text;
}
