/* SPDX-License-Identifier: Apache-2.0 */
/** @file base64.h
 *  Base64 (RFC 4648, section 4): strict at the speed of memory, tolerant where real files need it, never silent about
 * it.
 */
#ifndef OPA_BASE_BASE64_H
#define OPA_BASE_BASE64_H

#include <opapairs/base.h>

/** How a text departs from the canonical form; 0 is canonical: encoding the bytes gives the same text. */
enum opa_base64_form {
    OPA_BASE64_SPACE = 1,    /**< white space in it (line breaks of MIME and PEM) */
    OPA_BASE64_DATA_URL = 2, /**< "data:...;base64," in front */
    OPA_BASE64_UNPADDED = 4, /**< '=' missing at the end */
    OPA_BASE64_URL_SAFE = 8, /**< '-' and '_' of section 5 */
    OPA_BASE64_BITS = 16,    /**< bits behind the last byte are not zero */
};

/** Bytes that opa_base64_decode() may write for a text of @p size characters. */
#define OPA_BASE64_DECODED(size) ((size) / 4 * 3 + 3)
/** Characters of the encoding of @p size bytes. */
#define OPA_BASE64_ENCODED(size) (((size) + 2) / 3 * 4)

/** Decode. @p out has OPA_BASE64_DECODED(in.size) bytes; *out_size gets how many are used, *form (may be NULL) what was
 * tolerated. false: not base64 (another character, something behind the padding, a lone character at the end). */
bool opa_base64_decode(void *out, size_t *out_size, opa_text in, unsigned *form);
/** Encode with padding; writes OPA_BASE64_ENCODED(size) characters and no NUL. */
void opa_base64_encode(char *out, const void *data, size_t size);
/** Would decoding and encoding give the same text? */
bool opa_base64_is_canonical(opa_text in);

#endif
