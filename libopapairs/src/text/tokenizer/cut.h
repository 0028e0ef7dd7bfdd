/* SPDX-License-Identifier: Apache-2.0 */
/** @file cut.h
 *  Pre-tokenizers: matchers written by hand for the regular expressions that tokenizer.json files carry.
 */
#ifndef OPA_TEXT_TOKENIZER_CUT_H
#define OPA_TEXT_TOKENIZER_CUT_H

#include <opapairs/base.h>

enum opa_cut {
    OPA_CUT_GPT2,       /**< GPT-2's pattern */
    OPA_CUT_QWEN2,      /**< Qwen2's: single digits, runs of punctuation with line ends */
    OPA_CUT_LLAMA3,     /**< the same with up to three digits */
    OPA_CUT_DIGITS,     /**< each digit alone */
    OPA_CUT_DIGIT_RUNS, /**< runs of digits alone */
    OPA_CUT_METASPACE,  /**< in front of each U+2581 */
};

/** The regular expression @p pattern as a cut; false: not a known one. */
bool opa_cut_of_regex(enum opa_cut *out, opa_text pattern);

/** The end of the piece that begins at @p at < @p size of a UTF-8 text; > @p at. */
size_t opa_cut_next(enum opa_cut cut, const char *data, size_t size, size_t at);

#endif
