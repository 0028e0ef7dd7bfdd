/* SPDX-License-Identifier: Apache-2.0 */
/** @file nfc.h
 *  Normalisation form C (Unicode Standard Annex 15) with the way back.
 */
#ifndef OPA_TEXT_TOKENIZER_NFC_H
#define OPA_TEXT_TOKENIZER_NFC_H

#include "text/tokenizer/view.h"

/** Compose @p in (UTF-8) to *out, which lives in @p stage, or is *in when it is composed already. A base with its marks
 * that changes becomes one group. O(n log n). false: out of memory. */
bool opa_nfc(opa_stage *stage, opa_view *out, const opa_view *in);

#endif
