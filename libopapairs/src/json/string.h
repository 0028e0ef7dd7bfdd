/* SPDX-License-Identifier: Apache-2.0 */
/** @file string.h
 *  The content of JSON strings: is it valid, and which text does it stand for (WTF-8, see base.h).
 */
#ifndef OPA_JSON_STRING_H
#define OPA_JSON_STRING_H

#include <opapairs/finding.h>

/** What a look at a string found. */
typedef struct opa_json_string {
    size_t size; /**< bytes up to the closing quote; after a refusal, up to the bad byte */
    bool plain;  /**< the bytes are the text */
    int code;    /**< 0, or OPA_F_JSON_INVALID, OPA_F_INVALID_UTF8: refused, and why says the reason */
    const char *why;
} opa_json_string;

/** Look at the bytes behind an opening quote. @p strict: a surrogate as raw bytes is no UTF-8; otherwise it is kept. */
void opa_json_string_scan(opa_json_string *out, const char *s, size_t size, bool strict);

/** Decode @p raw, which the scan passed, into @p out, which has room for raw.size bytes. Two halves of a surrogate pair
 * side by side, however written, become their character: WTF-8 knows no other form. Returns the text's size. *lone and
 * *nuls count lone surrogates and U+0000. */
size_t opa_json_string_decode(char *out, opa_text raw, size_t *lone, size_t *nuls);

#endif
