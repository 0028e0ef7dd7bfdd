/* SPDX-License-Identifier: Apache-2.0 */
/** @file unicode.h
 *  The classes of characters that tokenizers' patterns ask for.
 */
#ifndef OPA_TEXT_TOKENIZER_UNICODE_H
#define OPA_TEXT_TOKENIZER_UNICODE_H

#include "base/utf8.h"

enum opa_char_class {
    OPA_CHAR_OTHER = 0,
    OPA_CHAR_LETTER, /**< \p{L} */
    OPA_CHAR_NUMBER, /**< \p{N} */
    OPA_CHAR_SPACE,  /**< \s: White_Space */
};

enum opa_char_class opa_char_class_wide(uint32_t c);

static inline enum opa_char_class opa_char_class(uint32_t c)
{
    if (c >= 0x80)
        return opa_char_class_wide(c);
    if ((c | 0x20) - 'a' < 26)
        return OPA_CHAR_LETTER;
    if (c - '0' < 10)
        return OPA_CHAR_NUMBER;
    return c == ' ' || c - 9 < 5 ? OPA_CHAR_SPACE : OPA_CHAR_OTHER;
}

/** \w as Rust's regex has it: letters, marks, decimal digits, connectors, joiners. */
bool opa_char_is_word(uint32_t c);

/** The character at @p at < @p size of a text that is known to be UTF-8; *at moves behind it. */
static inline uint32_t opa_char_next(const char *data, size_t size, size_t *at)
{
    uint32_t c = (unsigned char)data[*at];
    if (c < 0x80) {
        (*at)++;
        return c;
    }
    const size_t n = opa_wtf8_decode(&c, data + *at, size - *at);
    *at += n ? n : 1;
    return n ? c : 0xFFFD;
}

#endif
