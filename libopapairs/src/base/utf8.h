/* SPDX-License-Identifier: Apache-2.0 */
/** @file utf8.h
 *  UTF-8 and WTF-8 (UTF-8 that may hold lone surrogates).
 */
#ifndef OPA_BASE_UTF8_H
#define OPA_BASE_UTF8_H

#include <opapairs/base.h>

#include "base/buffer.h"

size_t opa_wtf8_decode_long(uint32_t *out, const char *s, size_t size);
/** Decode one character of WTF-8: strict UTF-8 plus surrogates D800..DFFF. Returns its size in bytes (1 to 4), or 0
 * when the bytes are none (or @p size is 0). Most text is ASCII, so that is decided in the caller's loop. */
static inline size_t opa_wtf8_decode(uint32_t *out, const char *s, size_t size)
{
    if (size == 0 || (unsigned char)*s >= 0x80)
        return opa_wtf8_decode_long(out, s, size);
    *out = (unsigned char)*s;
    return 1;
}
/** The same for strict UTF-8: a surrogate is no character. */
size_t opa_utf8_decode(uint32_t *out, const char *s, size_t size);
/** Encode one code point (surrogates too) into at most 4 bytes; returns how many. */
size_t opa_wtf8_encode(char out[4], uint32_t c);
/** Bytes that the character beginning with @p lead has (1 to 4), 1 for a byte that begins none. Fast, no validation. */
static inline size_t opa_utf8_width(unsigned char lead)
{
    return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}
/** Bytes up to the first that is no WTF-8; size when all is. */
size_t opa_wtf8_valid(opa_text text);
/** Append @p text as one clean line of strict UTF-8: control characters as spaces, what is no UTF-8 as U+FFFD. */
void opa_utf8_clean(opa_buffer *out, opa_text text);
/** Bytes of @p text, at most @p most, that end with a whole character: for messages that quote the beginning. */
size_t opa_utf8_cut(opa_text text, size_t most);
bool opa_is_wide_space(uint32_t c);
/** White space as Unicode has it (White_Space). */
static inline bool opa_is_space(uint32_t c)
{
    return c == ' ' || c - 0x09 < 5 || (c >= 0x80 && opa_is_wide_space(c));
}
/** The text without what @p is_space takes at both ends. */
opa_text opa_text_strip(opa_text text, bool (*is_space)(uint32_t c));
/** The text without white space (opa_is_space) at both ends. */
opa_text opa_text_trim(opa_text text);
/** Byte-equal? Two absent texts are. */
bool opa_text_equal(opa_text a, opa_text b);
/** First place of @p needle in @p hay at or after @p from; SIZE_MAX when there is none. An empty needle is found
 * nowhere. */
size_t opa_text_find(opa_text hay, opa_text needle, size_t from);

#endif
