/* SPDX-License-Identifier: Apache-2.0 */
#include "json/string.h"

#include <string.h>

#include "base/utf8.h"
#include "json/scan.h"

static bool refuse(opa_json_string *out, size_t at, int code, const char *why)
{
    out->size = at;
    out->code = code;
    out->why = why;
    return false;
}

/* The value of four hexadecimal digits, or -1. */
static int32_t hex4(const char *s, size_t size)
{
    int32_t value = 0;
    if (size < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char c = s[i];
        const int d = c >= '0' && c <= '9'                     ? c - '0'
                      : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                               : -1;
        if (d < 0)
            return -1;
        value = value << 4 | d;
    }
    return value;
}

/* Bytes of the escape at s (its backslash); 0: none. */
static size_t escape_size(const char *s, size_t size)
{
    if (size < 2)
        return 0;
    if (s[1] == 'u')
        return hex4(s + 2, size - 2) < 0 ? 0 : 6;
    return s[1] && strchr("\"\\/bfnrt", s[1]) ? 2 : 0;
}

/* The characters above U+007F at i. */
static bool scan_high(opa_json_string *out, const char *s, size_t size, size_t *i, bool strict)
{
    while (*i < size && (unsigned char)s[*i] >= 0x80) {
        uint32_t c;
        const size_t n = opa_wtf8_decode(&c, s + *i, size - *i);
        if (n == 0)
            return refuse(out, *i, OPA_F_INVALID_UTF8, "bytes that are no UTF-8");
        if (c >= 0xD800 && c <= 0xDFFF) {
            if (strict)
                return refuse(out, *i, OPA_F_INVALID_UTF8, "a surrogate as bytes, which is no UTF-8");
            out->plain = false;
        }
        *i += n;
    }
    return true;
}

void opa_json_string_scan(opa_json_string *out, const char *s, size_t size, bool strict)
{
    *out = (opa_json_string){.plain = true};
    size_t i = 0;
    for (;;) {
        i += opa_json_scan_plain(s + i, size - i);
        if (i == size) {
            refuse(out, i, OPA_F_JSON_INVALID, "a string that does not end");
            return;
        }
        const unsigned char c = (unsigned char)s[i];
        if (c == '"') {
            out->size = i;
            return;
        }
        if (c == '\\') {
            const size_t n = escape_size(s + i, size - i);
            if (n == 0) {
                refuse(out, i, OPA_F_JSON_INVALID, "an escape that JSON does not have");
                return;
            }
            out->plain = false;
            i += n;
        } else if (c >= 0x80) {
            if (!scan_high(out, s, size, &i, strict))
                return;
        } else {
            refuse(out, i, OPA_F_JSON_INVALID,
                   c == '\n' ? "a line break inside a string" : "a control character inside a string");
            return;
        }
    }
}

/* Takes characters one by one; a low half right behind a high one replaces it by the character of both. */
typedef struct sink {
    char *out;
    size_t size;
    uint32_t high; /* the last character when it was a high half, else 0 */
    size_t lone;
} sink;

static void put(sink *k, uint32_t c)
{
    if (k->high && c >= 0xDC00 && c <= 0xDFFF) {
        c = 0x10000 + ((k->high - 0xD800) << 10) + (c - 0xDC00);
        k->size -= 3;
        k->lone--;
    }
    k->high = c >= 0xD800 && c <= 0xDBFF ? c : 0;
    k->lone += c >= 0xD800 && c <= 0xDFFF;
    k->size += opa_wtf8_encode(k->out + k->size, c);
}

static char unescape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

size_t opa_json_string_decode(char *out, opa_text raw, size_t *lone, size_t *nuls)
{
    sink k = {.out = out};
    *nuls = 0;
    for (size_t i = 0; i < raw.size;) {
        const size_t n = opa_json_scan_plain(raw.data + i, raw.size - i);
        if (n) {
            memcpy(out + k.size, raw.data + i, n);
            k.size += n;
            k.high = 0;
            i += n;
        } else if (raw.data[i] != '\\') {
            uint32_t c = 0;
            i += opa_wtf8_decode(&c, raw.data + i, raw.size - i);
            put(&k, c);
        } else if (raw.data[i + 1] == 'u') {
            const uint32_t c = (uint32_t)hex4(raw.data + i + 2, raw.size - i - 2);
            *nuls += c == 0;
            put(&k, c);
            i += 6;
        } else {
            put(&k, (unsigned char)unescape(raw.data[i + 1]));
            i += 2;
        }
    }
    *lone = k.lone;
    return k.size;
}
