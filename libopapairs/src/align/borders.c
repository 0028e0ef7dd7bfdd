/* SPDX-License-Identifier: Apache-2.0 */
#include "align/borders.h"

#include <utf8proc.h>

#include "base/utf8.h"

size_t opa_skip_space(opa_text text, size_t at)
{
    uint32_t c;
    size_t n;
    while ((n = opa_wtf8_decode(&c, text.data + at, text.size - at)) > 0 && opa_is_space(c))
        at += n;
    return at;
}

/* Is it part of a word that goes on? Scripts written without spaces have a border at every character. */
static bool joins(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if ((c >= 0xE00 && c <= 0xEFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF) ||
        (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) || c >= 0x20000 || (c >= 0xD800 && c <= 0xDFFF))
        return false;
    const utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO;
}

bool opa_word_border(opa_text text, size_t at)
{
    if (at == 0 || at >= text.size)
        return true;
    size_t b = at - 1;
    while (b > 0 && at - b < 4 && ((unsigned char)text.data[b] & 0xC0) == 0x80)
        b--;
    uint32_t left, right;
    return opa_wtf8_decode(&left, text.data + b, at - b) == 0 || !joins(left) ||
           opa_wtf8_decode(&right, text.data + at, text.size - at) == 0 || !joins(right);
}
