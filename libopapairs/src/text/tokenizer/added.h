/* SPDX-License-Identifier: Apache-2.0 */
/** @file added.h
 *  Added tokens: texts that are one token wherever they stand (huggingface/tokenizers added_vocabulary.rs).
 */
#ifndef OPA_TEXT_TOKENIZER_ADDED_H
#define OPA_TEXT_TOKENIZER_ADDED_H

#include <opapairs/base.h>

#include "text/tokenizer/pairmap.h"

typedef struct opa_added_token {
    int32_t id;
    uint32_t size; /**< bytes of the text that is looked for */
    bool single_word, lstrip, rstrip;
} opa_added_token;

/** A set of texts as a trie: edges (node, byte) -> (node, token at that node + 1); the root is node 0. {0} is empty. */
typedef struct opa_added {
    opa_pairmap edges;
    uint32_t nodes;
    opa_added_token *tokens;
    size_t count;
    bool first[256]; /**< bytes that a text begins with */
} opa_added;

/** A longer one is refused by the loader: the search looks that far ahead. */
#define OPA_ADDED_MAX 1024

/** Add @p text (1 to OPA_ADDED_MAX bytes); of equal texts the first counts. false: out of memory. */
bool opa_added_put(opa_added *added, opa_text text, opa_added_token token);
void opa_added_release(opa_added *added);

/** The longest token that stands at @p at of @p text, or NULL. */
const opa_added_token *opa_added_longest(const opa_added *added, opa_text text, size_t at);
/** The next token at or after @p from: bytes [*begin, *end) of @p text, with the white space that it takes. @p from is
 * where the one before ended. NULL: no more. */
const opa_added_token *opa_added_next(const opa_added *added, opa_text text, size_t from, size_t *begin, size_t *end);

#endif
