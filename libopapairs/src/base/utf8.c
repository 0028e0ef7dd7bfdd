/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "base/utf8.h"

#include <string.h>

/* What opa_wtf8_decode() leaves: nothing, or a character above U+007F. */
size_t opa_wtf8_decode_long(uint32_t *out, const char *s, size_t size)
{
    const unsigned char *u = (const unsigned char *)s;
    if (size == 0)
        return 0;
    const size_t n = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : u[0] >= 0xC2 ? 2 : 0;
    if (n == 0 || u[0] > 0xF4 || size < n)
        return 0;
    uint32_t c = u[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (u[i] & 0x3F);
    }
    /* Overlong forms and what lies beyond Unicode. */
    if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10FFFF)))
        return 0;
    *out = c;
    return n;
}

size_t opa_utf8_decode(uint32_t *out, const char *s, size_t size)
{
    const size_t n = opa_wtf8_decode(out, s, size);
    return n == 3 && *out >= 0xD800 && *out <= 0xDFFF ? 0 : n;
}

size_t opa_wtf8_encode(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

size_t opa_wtf8_valid(opa_text text)
{
    size_t i = 0;
    while (i < text.size) {
        uint64_t eight;
        /* Most text is ASCII: eight bytes at a time. */
        if (text.size - i >= 8 && (memcpy(&eight, text.data + i, 8), (eight & 0x8080808080808080u) == 0)) {
            i += 8;
            continue;
        }
        uint32_t c;
        const size_t n = opa_wtf8_decode(&c, text.data + i, text.size - i);
        if (n == 0)
            return i;
        i += n;
    }
    return text.size;
}

void opa_utf8_clean(opa_buffer *out, opa_text text)
{
    opa_buffer_reserve(out, text.size);
    for (size_t i = 0; i < text.size;) {
        uint32_t c;
        const size_t n = opa_utf8_decode(&c, text.data + i, text.size - i);
        if (n == 0) {
            opa_buffer_add_string(out, "\xEF\xBF\xBD");
            i++;
            /* The rest of a damaged character is part of the same damage. */
            while (i < text.size && ((unsigned char)text.data[i] & 0xC0) == 0x80)
                i++;
            continue;
        }
        if (c < 0x20 || c == 0x7F || (c >= 0x80 && c < 0xA0))
            opa_buffer_add_char(out, ' ');
        else
            opa_buffer_add(out, text.data + i, n);
        i += n;
    }
}

bool opa_is_wide_space(uint32_t c)
{
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

opa_text opa_text_strip(opa_text text, bool (*is_space)(uint32_t c))
{
    uint32_t c;
    size_t n;
    while ((n = opa_wtf8_decode(&c, text.data, text.size)) > 0 && is_space(c)) {
        text.data += n;
        text.size -= n;
    }
    while (text.size > 0) {
        n = 1;
        while (n < 4 && n < text.size && ((unsigned char)text.data[text.size - n] & 0xC0) == 0x80)
            n++;
        if (opa_wtf8_decode(&c, text.data + text.size - n, n) != n || !is_space(c))
            break;
        text.size -= n;
    }
    return text;
}

size_t opa_utf8_cut(opa_text text, size_t most)
{
    size_t n = text.size < most ? text.size : most;
    while (n > 0 && n < text.size && ((unsigned char)text.data[n] & 0xC0) == 0x80)
        n--;
    return n;
}

opa_text opa_text_trim(opa_text text)
{
    return opa_text_strip(text, opa_is_space);
}

bool opa_text_blank(opa_text text)
{
    return !text.data || opa_text_trim(text).size == 0;
}

bool opa_text_equal(opa_text a, opa_text b)
{
    if (!a.data || !b.data)
        return !a.data && !b.data;
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

size_t opa_text_find(opa_text hay, opa_text needle, size_t from)
{
    if (!needle.size || from > hay.size)
        return SIZE_MAX;
    const char *at = memmem(hay.data + from, hay.size - from, needle.data, needle.size);
    return at ? (size_t)(at - hay.data) : SIZE_MAX;
}
