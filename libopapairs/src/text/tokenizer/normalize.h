/* SPDX-License-Identifier: Apache-2.0 */
/** @file normalize.h
 *  What a tokenizer does to a text before it is cut: a list of steps, each from one view to the next.
 */
#ifndef OPA_TEXT_TOKENIZER_NORMALIZE_H
#define OPA_TEXT_TOKENIZER_NORMALIZE_H

#include "text/tokenizer/added.h"
#include "text/tokenizer/view.h"

enum opa_step_kind {
    OPA_STEP_NFC,
    OPA_STEP_PREPEND,         /**< content in front of a text that is not empty */
    OPA_STEP_PREFIX,          /**< the same, unless it begins with content */
    OPA_STEP_PREFIX_FIRST,    /**< the same, and only at the begin of the whole text */
    OPA_STEP_REPLACE,         /**< every pattern by content */
    OPA_STEP_METASPACE,       /**< REPLACE, then PREFIX */
    OPA_STEP_METASPACE_FIRST, /**< REPLACE, then PREFIX_FIRST */
    OPA_STEP_SENTENCEPIECE,   /**< sentencepiece's normaliser with the flags and tables below */
};

/** Longest-prefix rules of sentencepiece: a trie of Darts-clone over keys, and the NUL-ended texts it points to. */
typedef struct opa_charsmap {
    const uint32_t *units;
    size_t unit_count;
    opa_text values;
} opa_charsmap;

typedef struct opa_step {
    enum opa_step_kind kind;
    opa_text pattern, content;
    bool dummy_prefix, collapse_spaces,
        escape_spaces; /**< sentencepiece: add_dummy_prefix, remove_extra_whitespaces, ... */
    opa_charsmap charsmap;
} opa_step;

/** Do one step: from @p in to *out, which lives in @p stage (or is *in where nothing changes). @p keep (may be NULL)
 * holds texts that sentencepiece leaves as they are. false: out of memory. */
bool opa_step_run(const opa_step *step, opa_stage *stage, opa_view *out, const opa_view *in, const opa_added *keep);

/** The UTF-8 of sentencepiece's visible space, U+2581. */
#define OPA_META_SPACE "\xE2\x96\x81"

#endif
