/* SPDX-License-Identifier: Apache-2.0 */
/** @file quoted.h
 *  Strings of broken JSON: other quotes, raw line breaks, wrong escapes, quotes inside that nobody escaped.
 */
#ifndef OPA_FEEDBACK_QUOTED_H
#define OPA_FEEDBACK_QUOTED_H

#include "feedback/scanner.h"

/** Where a string stands decides what must follow it. */
typedef enum opa_quoted_place { OPA_QUOTED_KEY, OPA_QUOTED_MEMBER, OPA_QUOTED_ITEM } opa_quoted_place;

/** Bytes of a quotation mark (", ', ` or a typographic one) at @p at; 0: there is none. */
size_t opa_quote_at(const opa_scanner *s, size_t at);
/** Does a quoted key with its colon begin at @p at? A key that the text's end cuts counts. *known (may be NULL): it is
 * a key of reports. */
bool opa_quoted_key_at(const opa_scanner *s, size_t at, bool *known);
/** Read the string that begins at the scanner's place and write it as strict JSON. false: the text ends in it (and out
 * is to be cut back by the caller). */
bool opa_quoted_read(opa_scanner *s, opa_quoted_place place);
/** Write @p text as a strict JSON string. */
void opa_quoted_write(opa_scanner *s, opa_text text);
/** Append @p text, as it is decoded from the inside of a JSON string, up to a quote that ends it (when @p quoted) or
 * its end. */
void opa_quoted_unescape(opa_buffer *out, opa_text text, bool quoted);

#endif
