/* SPDX-License-Identifier: Apache-2.0 */
/** @file support.h
 *  What the tests of this room share: random numbers whose seed is printed, and reports built by hand.
 */
#ifndef OPA_TEST_ALIGN_SUPPORT_H
#define OPA_TEST_ALIGN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <opapairs/align.h>

/** xorshift64*; never 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Du;
}

static inline size_t random_below(uint64_t *state, size_t n)
{
    return n ? (size_t)(random_next(state) % n) : 0;
}

/** A seed from OPA_TEST_SEED, else from the clock; printed, so that a failure can be repeated. */
static inline uint64_t random_seed(const char *test)
{
    const char *given = getenv("OPA_TEST_SEED");
    const uint64_t seed = (given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL)) | 1;
    print_message("%s: OPA_TEST_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}

static inline opa_text text_of(const char *s)
{
    return s ? (opa_text){s, strlen(s)} : (opa_text){0};
}

/** Some texts with what texts can have. */
static inline const char *random_word(uint64_t *state)
{
    static const char *const words[] = {"the",
                                        "dog",
                                        "cat",
                                        "a",
                                        "red",
                                        ",",
                                        ".",
                                        "\xE2\x80\x99s",
                                        "on",
                                        "table",
                                        "Two",
                                        "caf\xC3\xA9",
                                        "\xE6\xB6\x88\xE9\x98\xB2",
                                        "\xED\xA0\xBD",
                                        "-",
                                        "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x92",
                                        "\xCC\x81",
                                        "\"x\"",
                                        "11.6%",
                                        "\xFF"};
    return words[random_below(state, sizeof words / sizeof *words)];
}

/** Up to @p most words with all kinds of white space between; NUL bytes now and then. From malloc(). */
static inline opa_text random_text(uint64_t *state, size_t most)
{
    static const char *const spaces[] = {" ", " ", " ", " ", "  ", "\n\n", "\xC2\xA0", "", "\t"};
    const size_t n = random_below(state, most + 1);
    char *data = malloc(n * 24 + 1);
    size_t size = 0;
    assert_non_null(data);
    for (size_t i = 0; i < n; i++) {
        const char *parts[] = {random_word(state), spaces[random_below(state, 9)]};
        for (size_t k = 0; k < 2; k++) {
            memcpy(data + size, parts[k], strlen(parts[k]));
            size += strlen(parts[k]);
        }
        if (random_below(state, 40) == 0)
            data[size++] = '\0';
    }
    return (opa_text){data, size};
}

/** @p text with a few words dropped, put in or changed. From malloc(). */
static inline opa_text random_edit(uint64_t *state, opa_text text, size_t edits)
{
    char *data = malloc(text.size + edits * 32 + 1);
    assert_non_null(data);
    if (text.size)
        memcpy(data, text.data, text.size);
    size_t size = text.size;
    for (size_t e = 0; e < edits; e++) {
        const size_t at = random_below(state, size + 1);
        size_t drop = random_below(state, 3) ? random_below(state, 8) : 0;
        drop = drop > size - at ? size - at : drop;
        const char *in = random_below(state, 2) ? random_word(state) : "";
        memmove(data + at + strlen(in), data + at + drop, size - at - drop);
        memcpy(data + at, in, strlen(in));
        size += strlen(in) - drop;
    }
    return (opa_text){data, size};
}

/** The first test of everything that gives hunks: they tile, keep equal bytes, and say which operation they are. */
static inline void check_hunks(const opa_hunk *hunks, size_t count, opa_text generated, opa_text revised)
{
    size_t g = 0, r = 0;
    for (size_t i = 0; i < count; i++) {
        const opa_hunk *h = &hunks[i];
        assert_int_equal(h->generated.begin, g);
        assert_int_equal(h->revised.begin, r);
        const size_t left = h->generated.end - g, right = h->revised.end - r;
        assert_true(h->generated.end <= generated.size && h->revised.end <= revised.size && left + right > 0);
        const bool equal = left == right && memcmp(generated.data + g, revised.data + r, left) == 0;
        assert_int_equal(h->op, equal ? OPA_KEEP : left && right ? OPA_SUBSTITUTE : left ? OPA_DELETE : OPA_INSERT);
        g += left;
        r += right;
    }
    assert_int_equal(g, generated.size);
    assert_int_equal(r, revised.size);
}

#endif
