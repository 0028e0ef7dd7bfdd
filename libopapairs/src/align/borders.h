/* SPDX-License-Identifier: Apache-2.0 */
/** @file borders.h
 *  Where words begin and end.
 */
#ifndef OPA_ALIGN_BORDERS_H
#define OPA_ALIGN_BORDERS_H

#include <opapairs/base.h>

/** No word goes across position @p at of @p text. */
bool opa_word_border(opa_text text, size_t at);
/** The first byte at or after @p at that is not white space. */
size_t opa_skip_space(opa_text text, size_t at);

#endif
