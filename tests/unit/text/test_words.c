/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/words.h"

/* The words of @p text joined by '|'. */
static char *joined(opa_text text)
{
    opa_word *words;
    size_t count;
    assert_int_equal(opa_words_split(&words, &count, text), OPA_OK);
    char *s = calloc(1, text.size + count + 1);
    assert_non_null(s);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (i)
            s[n++] = '|';
        memcpy(s + n, text.data + words[i].begin, words[i].end - words[i].begin);
        n += words[i].end - words[i].begin;
    }
    free(words);
    return s;
}

static void check(const char *text, const char *expected)
{
    char *s = joined((opa_text){text, strlen(text)});
    assert_string_equal(s, expected);
    free(s);
}

static void words_of_english(void **state)
{
    (void)state;
    check("", "");
    check(" \t\n", "");
    check("A cat, isn't it?", "A|cat|,|isn't|it|?");
    check("well-known—so x--y 'q' it’s", "well-known|—|so|x|-|-|y|'|q|'|it’s");
    check("snake_case 3.14 $5", "snake_case|3|.|14|$|5");
    check("a- b -c a'-b", "a|-|b|-|c|a|'|-|b");
}

static void words_of_other_scripts(void **state)
{
    (void)state;
    check("Größe naïve", "Größe|naïve");
    check("nai\xCC\x88ve e\xCC\x81", "nai\xCC\x88ve|e\xCC\x81");
    check("привет мир", "привет|мир");
    check("中文abc字", "中|文|abc|字");
    check("カタ。", "カ|タ|。");
    /* Thai: KO KAI with a vowel above stays one. */
    check("\xE0\xB8\x81\xE0\xB8\xB4\xE0\xB8\x99", "\xE0\xB8\x81\xE0\xB8\xB4|\xE0\xB8\x99");
    check("한국어 말", "한국어|말");
    /* A zero-width non-joiner is inside a Persian word. */
    check("\xD9\x85\xDB\x8C\xE2\x80\x8C\xD8\xB1", "\xD9\x85\xDB\x8C\xE2\x80\x8C\xD8\xB1");
}

static void clusters(void **state)
{
    (void)state;
    /* man ZWJ woman ZWJ girl; thumbs up with a skin tone; two flags; heart with a variation selector. */
    check("👨‍👩‍👧👍🏽!", "👨‍👩‍👧|👍🏽|!");
    check("🇩🇪🇫🇷", "🇩🇪|🇫🇷");
    check("❤️x", "❤️|x");
    check("!\xCC\x81"
          "a",
          "!\xCC\x81|a");
}

static void damage(void **state)
{
    (void)state;
    check("a\xED\xA0\x80"
          "b",
          "a|\xED\xA0\x80|b");
    check("\xED\xA0\xBD\xED\xB8\x80", "\xED\xA0\xBD|\xED\xB8\x80");
    check("\xFF\xC3", "\xFF|\xC3");
    check("a\x01\x02", "a|\x01|\x02");
    opa_word *words;
    size_t count;
    assert_int_equal(opa_words_split(&words, &count, (opa_text){"a\0b", 3}), OPA_OK);
    assert_int_equal(count, 3);
    assert_int_equal(words[1].begin, 1);
    assert_int_equal(words[1].end, 2);
    free(words);
    assert_int_equal(opa_words_split(&words, &count, (opa_text){NULL, 0}), OPA_OK);
    assert_int_equal(count, 0);
    free(words);
}

/* Whatever the bytes, the words are in order, not empty, and only white space lies between them. */
static void random_bytes(void **state)
{
    (void)state;
    const unsigned seed = 20240517;
    print_message("seed %u\n", seed);
    srand(seed);
    static const char *const parts[] = {"a",        "'",        "-", "’",   " ", "\n",   "中",   "e\xCC\x81",
                                        "\xCC\x81", "👍🏽", "👨", "‍", "🇩", "\xFF", "\xE2", "\xED\xA0\x80",
                                        "_",        "9",        "ก", "."};
    for (int round = 0; round < 3000; round++) {
        char text[256];
        size_t size = 0;
        for (int i = rand() % 24; i > 0; i--) {
            const char *part = parts[(size_t)rand() % (sizeof(parts) / sizeof(parts[0]))];
            memcpy(text + size, part, strlen(part));
            size += strlen(part);
        }
        opa_word *words;
        size_t count;
        assert_int_equal(opa_words_split(&words, &count, (opa_text){text, size}), OPA_OK);
        size_t at = 0;
        for (size_t i = 0; i <= count; i++) {
            const size_t begin = i < count ? words[i].begin : size;
            assert_true(at <= begin);
            assert_true(opa_text_blank((opa_text){text + at, begin - at}));
            if (i == count)
                break;
            assert_true(words[i].begin < words[i].end);
            at = words[i].end;
        }
        free(words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_english), cmocka_unit_test(words_of_other_scripts), cmocka_unit_test(clusters),
        cmocka_unit_test(damage),           cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
