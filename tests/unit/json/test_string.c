/* SPDX-License-Identifier: Apache-2.0 */
#include "json/string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void check(const char *raw, size_t raw_size, const char *text, size_t text_size, size_t lone, size_t nuls)
{
    opa_json_string s;
    char *exact = malloc(raw_size + 1), *out = malloc(raw_size + 1); /* overruns show under a sanitizer */
    memcpy(exact, raw, raw_size);
    exact[raw_size] = '"';
    opa_json_string_scan(&s, exact, raw_size + 1, false);
    assert_int_equal(s.code, 0);
    assert_int_equal(s.size, raw_size);
    size_t got_lone = 99, got_nuls = 99;
    const size_t n = opa_json_string_decode(out, (opa_text){exact, raw_size}, &got_lone, &got_nuls);
    assert_int_equal(n, text_size);
    assert_memory_equal(out, text, text_size);
    assert_int_equal(got_lone, lone);
    assert_int_equal(got_nuls, nuls);
    if (s.plain)
        assert_true(n == raw_size && memcmp(out, exact, n) == 0);
    free(exact);
    free(out);
}
#define CHECK(raw, text, lone, nuls) check(raw, sizeof(raw) - 1, text, sizeof(text) - 1, lone, nuls)

static void test_decode(void **state)
{
    (void)state;
    CHECK("", "", 0, 0);
    CHECK("abc", "abc", 0, 0);
    CHECK("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 0, 0);
    CHECK("\\u00e9\\u20AC", "\xC3\xA9\xE2\x82\xAC", 0, 0);
    CHECK("x\\u0000y", "x\0y", 0, 1);
    CHECK("\\ud83d\\ude00", "\xF0\x9F\x98\x80", 0, 0);
    CHECK("a\\ud83d", "a\xED\xA0\xBD", 1, 0);
    CHECK("\\ude00b",
          "\xED\xB8\x80"
          "b",
          1, 0);
    CHECK("\\ude00\\ud83d", "\xED\xB8\x80\xED\xA0\xBD", 2, 0);
    CHECK("\\ud83d\\ud83d\\ude00", "\xED\xA0\xBD\xF0\x9F\x98\x80", 1, 0);
    CHECK("\\ud83dx\\ude00", "\xED\xA0\xBDx\xED\xB8\x80", 2, 0);
    CHECK("\xED\xA0\xBD\xED\xB8\x80", "\xF0\x9F\x98\x80", 0, 0);
    CHECK("\\ud83d\xED\xB8\x80", "\xF0\x9F\x98\x80", 0, 0);
    CHECK("\xED\xA0\xBD\\ude00", "\xF0\x9F\x98\x80", 0, 0);
    CHECK("\xF0\x9F\x98\x80\xC3\xA9", "\xF0\x9F\x98\x80\xC3\xA9", 0, 0);
}

static void refused(const char *raw, bool strict, int code, size_t at)
{
    opa_json_string s;
    opa_json_string_scan(&s, raw, strlen(raw), strict);
    assert_int_equal(s.code, code);
    assert_int_equal(s.size, at);
    assert_non_null(s.why);
}

static void test_refused(void **state)
{
    (void)state;
    refused("", false, OPA_F_JSON_INVALID, 0);
    refused("abc", false, OPA_F_JSON_INVALID, 3);
    refused("abc\\", false, OPA_F_JSON_INVALID, 3);
    refused("a\\x\"", false, OPA_F_JSON_INVALID, 1);
    refused("a\\u12g4\"", false, OPA_F_JSON_INVALID, 1);
    refused("\\u12", false, OPA_F_JSON_INVALID, 0);
    refused("a\nb\"", false, OPA_F_JSON_INVALID, 1);
    refused("a\tb\"", false, OPA_F_JSON_INVALID, 1);
    refused("a\xFF\"", false, OPA_F_INVALID_UTF8, 1);
    refused("\xC0\x80\"", false, OPA_F_INVALID_UTF8, 0);
    refused("\xC3\"", false, OPA_F_INVALID_UTF8, 0);
    refused("\xF4\x90\x80\x80\"", false, OPA_F_INVALID_UTF8, 0);
    refused("x\xED\xA0\x80\"", true, OPA_F_INVALID_UTF8, 1);
}

/* The scanner's verdict on bytes above U+007F is that of the base room's validation. */
static void test_random_utf8(void **state)
{
    (void)state;
    const unsigned seed = 11;
    print_message("seed %u\n", seed);
    srand(seed);
    static const unsigned char pool[] = {'a',  0x80, 0xBF, 0xC2, 0xC3, 0xE0, 0xA0, 0xED,
                                         0xEF, 0xF0, 0x90, 0xF4, 0x8F, 0xC0, 0xFF};
    for (int round = 0; round < 200000; round++) {
        char s[13];
        const size_t size = (size_t)rand() % 12;
        for (size_t i = 0; i < size; i++)
            s[i] = (char)pool[(size_t)rand() % sizeof pool];
        s[size] = '"';
        opa_json_string got;
        opa_json_string_scan(&got, s, size + 1, false);
        const size_t valid = opa_wtf8_valid((opa_text){s, size});
        assert_int_equal(got.code, valid == size ? 0 : OPA_F_INVALID_UTF8);
        assert_int_equal(got.size, valid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_random_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
