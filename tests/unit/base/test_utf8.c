/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utf8proc.h>

#include "base/utf8.h"

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char s[4];
        uint32_t got;
        const size_t n = opa_wtf8_encode(s, c);
        const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        assert_int_equal(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        assert_true(opa_wtf8_decode(&got, s, n) == n && got == c);
        assert_int_equal(opa_utf8_decode(&got, s, n), surrogate ? 0 : n);
        assert_int_equal(opa_utf8_width((unsigned char)s[0]), n);
        for (size_t cut = 0; cut < n; cut++)
            assert_int_equal(opa_wtf8_decode(&got, s, cut), 0);
    }
}

/* Random bytes against utf8proc's decoder, which is strict. */
static void test_against_utf8proc(void **state)
{
    (void)state;
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 300000; i++) {
        char s[4];
        uint32_t got = 0;
        utf8proc_int32_t want;
        const size_t size = 1 + (size_t)rand() % 4;
        for (size_t k = 0; k < size; k++)
            s[k] = (char)(rand() % 4 && k ? 0x80 | (rand() >> 5 & 0x3F) : rand() >> 5);
        const utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)size, &want);
        const size_t mine = opa_utf8_decode(&got, s, size);
        assert_int_equal(mine, n > 0 ? (size_t)n : 0);
        assert_true(mine == 0 || (utf8proc_int32_t)got == want);
    }
}

static void test_valid(void **state)
{
    (void)state;
    assert_int_equal(opa_wtf8_valid(OPA_TEXT("")), 0);
    assert_int_equal(opa_wtf8_valid(OPA_TEXT("plain ASCII, more than eight")), 28);
    assert_int_equal(opa_wtf8_valid(OPA_TEXT("0123456789\xFFrest")), 10);
    assert_int_equal(opa_wtf8_valid(OPA_TEXT("a\xED\xA0\x80z")), 5);
    assert_int_equal(opa_wtf8_valid(OPA_TEXT("a\xC0\x80")), 1);
    assert_int_equal(opa_wtf8_valid(OPA_TEXT("abc\xE2\x82")), 3);
    assert_int_equal(opa_wtf8_valid(OPA_TEXT("a\0b")), 3);
}

static void test_clean(void **state)
{
    (void)state;
    opa_buffer b = {0};
    opa_utf8_clean(&b, OPA_TEXT("a\tb\r\n\x7F\0c\xC2\x85\xC3\xA9\xED\xA0\x80\xE2\x82z"));
    assert_string_equal(b.data, "a b    c \xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBDz");
    assert_int_equal(opa_wtf8_valid(opa_buffer_text(&b)), b.size);
    opa_buffer_release(&b);
}

static bool text_is(opa_text t, const char *want)
{
    return t.size == strlen(want) && memcmp(t.data, want, t.size) == 0;
}

static void test_texts(void **state)
{
    (void)state;
    assert_true(text_is(opa_text_trim(OPA_TEXT(" \t\xC2\xA0\xE3\x80\x80x y\xE2\x80\xA9\n")), "x y"));
    assert_true(text_is(opa_text_trim(OPA_TEXT("\xE4\xB8\xAD")), "\xE4\xB8\xAD"));
    assert_true(text_is(opa_text_trim(OPA_TEXT("x\x80\x80\x80\x80\x80")), "x\x80\x80\x80\x80\x80"));
    assert_int_equal(opa_text_trim(OPA_TEXT("  ")).size, 0);
    assert_int_equal(opa_text_trim((opa_text){0}).size, 0);
    assert_true(opa_text_blank((opa_text){0}) && opa_text_blank(OPA_TEXT("")) &&
                opa_text_blank(OPA_TEXT("\n\xC2\xA0")));
    assert_false(opa_text_blank(OPA_TEXT("\0")));
    assert_int_equal(opa_utf8_cut(OPA_TEXT("a\xC3\xA9z"), 2), 1);
    assert_int_equal(opa_utf8_cut(OPA_TEXT("a\xC3\xA9z"), 3), 3);
    assert_int_equal(opa_utf8_cut(OPA_TEXT("a\xC3\xA9z"), 9), 4);
    assert_int_equal(opa_utf8_cut((opa_text){0}, 9), 0);
    assert_true(opa_text_equal((opa_text){0}, (opa_text){0}));
    assert_false(opa_text_equal((opa_text){0}, OPA_TEXT("")));
    assert_true(opa_text_equal(OPA_TEXT("a\0b"), OPA_TEXT("a\0b")));
    assert_false(opa_text_equal(OPA_TEXT("a\0b"), OPA_TEXT("a\0c")));
    assert_int_equal(opa_text_find(OPA_TEXT("abcabc"), OPA_TEXT("bc"), 0), 1);
    assert_int_equal(opa_text_find(OPA_TEXT("abcabc"), OPA_TEXT("bc"), 2), 4);
    assert_true(opa_text_find(OPA_TEXT("abc"), OPA_TEXT("bc"), 2) == SIZE_MAX);
    assert_true(opa_text_find(OPA_TEXT("abc"), OPA_TEXT(""), 0) == SIZE_MAX);
    assert_true(opa_text_find(OPA_TEXT("abc"), OPA_TEXT("a"), 9) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_against_utf8proc),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
