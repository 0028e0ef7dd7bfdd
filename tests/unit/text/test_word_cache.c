/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/word_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Word number n and its tokens, made from n alone: what the cache says can be told to be right. */
static opa_text word_of(char out[OPA_WORD_CACHE_LONGEST + 1], unsigned n)
{
    const size_t size = 1 + n * 2654435761u % OPA_WORD_CACHE_LONGEST;
    for (size_t i = 0; i < size; i++)
        out[i] = (char)('a' + (n >> i % 24) % 26);
    memcpy(out, &n, size < sizeof n ? size : sizeof n);
    return (opa_text){out, size};
}

static size_t symbols_of(opa_symbol *out, opa_text word)
{
    size_t count = 0;
    for (size_t at = 0; at < word.size; count++) {
        const size_t step = 1 + (unsigned char)word.data[at] % 5;
        at = at + step < word.size ? at + step : word.size;
        out[count] = (opa_symbol){(uint32_t)(word.data[at - 1] * 31 + (int)at), (uint32_t)at};
    }
    return count;
}

/* A hash with many collisions: words must not be taken for each other. */
static uint32_t hash_of(opa_text word)
{
    return (uint32_t)(unsigned char)word.data[0] * 977u + (uint32_t)(unsigned char)word.data[word.size / 2] * 31u +
           (uint32_t)word.size;
}

/* What is found is what was put, also after the pool ran full and all was forgotten; what was not put is not found. */
static void test_finds_what_was_put(void **state)
{
    (void)state;
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    opa_word_cache *cache = opa_word_cache_new();
    assert_non_null(cache);
    char bytes[OPA_WORD_CACHE_LONGEST + 1];
    opa_symbol symbols[OPA_WORD_CACHE_LONGEST];
    size_t hits = 0;
    for (size_t round = 0; round < 300000; round++) {
        const opa_text word = word_of(bytes, (unsigned)rand() % 60000 * 7919u);
        const uint32_t hash = hash_of(word);
        const size_t count = symbols_of(symbols, word);
        opa_word_tokens found;
        if (!opa_word_cache_find(cache, &found, word, hash)) {
            opa_word_cache_put(cache, word, hash, symbols, count);
            assert_true(opa_word_cache_find(cache, &found, word, hash));
        } else {
            hits++;
        }
        assert_int_equal(found.count, count);
        for (size_t i = 0; i < count; i++) {
            assert_true((uint32_t)found.ids[i] == symbols[i].id);
            assert_int_equal(found.ends[i], symbols[i].end);
        }
    }
    assert_true(hits > 1000);
    opa_word_cache_free(cache);
}

static void test_long_words_are_not_kept(void **state)
{
    (void)state;
    char bytes[OPA_WORD_CACHE_LONGEST + 1];
    memset(bytes, 'x', sizeof bytes);
    const opa_text word = {bytes, sizeof bytes};
    const opa_symbol symbol = {1, sizeof bytes};
    opa_word_tokens found;
    opa_word_cache *cache = opa_word_cache_new();
    assert_non_null(cache);
    opa_word_cache_put(cache, word, 1, &symbol, 1);
    assert_false(opa_word_cache_find(cache, &found, word, 1));
    opa_word_cache_free(cache);
    opa_word_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_was_put),
        cmocka_unit_test(test_long_words_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
