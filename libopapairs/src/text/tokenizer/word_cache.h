/* SPDX-License-Identifier: Apache-2.0 */
/** @file word_cache.h
 *  From words to the tokens that they had before, for one encoder. What is in the cache never changes a result.
 */
#ifndef OPA_TEXT_TOKENIZER_WORD_CACHE_H
#define OPA_TEXT_TOKENIZER_WORD_CACHE_H

#include <opapairs/base.h>

#include "text/tokenizer/bpe.h"

/** Longer words (in bytes) are not kept. */
#define OPA_WORD_CACHE_LONGEST 64

typedef struct opa_word_cache opa_word_cache;

/** The tokens of a word: ids, and where each ends in it. Borrowed until the next put. */
typedef struct opa_word_tokens {
    const int32_t *ids;
    const uint8_t *ends;
    size_t count;
} opa_word_tokens;

/** NULL: out of memory. */
opa_word_cache *opa_word_cache_new(void);
void opa_word_cache_free(opa_word_cache *cache);
/** @p hash is the word's, by any function that is always the same. false: the word is not there. */
bool opa_word_cache_find(const opa_word_cache *cache, opa_word_tokens *out, opa_text word, uint32_t hash);
/** Keep the @p count tokens of a word that is not there. Without memory it is just not kept. */
void opa_word_cache_put(opa_word_cache *cache, opa_text word, uint32_t hash, const opa_symbol *symbols, size_t count);

#endif
