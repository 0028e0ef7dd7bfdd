/* SPDX-License-Identifier: Apache-2.0 */
/** @file words.h
 *  Words and visible characters: the units in which edits are shown when a text is compared.
 */
#ifndef OPA_TEXT_WORDS_H
#define OPA_TEXT_WORDS_H

#include <opapairs/base.h>

/** Bytes [begin, end) of a text. */
typedef struct opa_word {
    uint32_t begin, end;
} opa_word;

/** Cut @p text into words, in order and without overlap; only white space (opa_is_space) lies between them.
 *  - a run of letters, marks, digits and '_' is a word; single ' ’ - between two such characters join it;
 *  - each character of a script written without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) is a word, with its
 * marks;
 *  - every other character is a word, with what belongs to it (marks, the rest of an emoji sequence);
 *  - a lone surrogate, a byte that is no UTF-8 and a control character are a word each.
 *  *out is from malloc() (never NULL on success; free() it). O(n). OPA_ENOMEM; OPA_EINVAL for a text of 4 GiB or more.
 */
int opa_words_split(opa_word **out, size_t *count, opa_text text);

#endif
