/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "feedback/quoted.h"

/* Read the string that a text begins with; what was written, the next byte and the kinds of repair are compared. */
static void check(opa_quoted_place place, opa_text in, const char *out, size_t at, unsigned repairs)
{
    opa_scanner s = {.text = in};
    const bool whole = opa_quoted_read(&s, place);
    assert_int_equal(whole, out != NULL);
    if (out) {
        assert_string_equal(opa_buffer_text(&s.out).data, out);
        assert_int_equal(s.at, at);
    } else {
        assert_int_equal(s.at, in.size);
    }
    unsigned seen = 0;
    for (int i = 0; i < OPA_REPAIR_COUNT; i++)
        seen |= s.repairs[i].count ? 1u << i : 0;
    assert_int_equal(seen, repairs);
    opa_buffer_release(&s.out);
}
#define BIT(kind) (1u << OPA_REPAIR_##kind)
#define CHECK(place, in, out, at, repairs) check(OPA_QUOTED_##place, OPA_TEXT(in), out, at, repairs)

static void reads_sound_strings(void **state)
{
    (void)state;
    CHECK(KEY, "\"score\": 3", "\"score\"", 7, 0);
    CHECK(MEMBER, "\"a \\\"b\\\" \\n \\u00e9\", \"score\": 1", "\"a \\\"b\\\" \\n \\u00e9\"", 19, 0);
    CHECK(MEMBER, "\"\"}", "\"\"", 2, 0);
    CHECK(ITEM, "\"a\", \"b\"]", "\"a\"", 3, 0);
    CHECK(ITEM, "\"a\"]", "\"a\"", 3, 0);
    CHECK(MEMBER, "\"a\"", "\"a\"", 3, 0);
    CHECK(MEMBER, "\"\xE5\xAD\x97\"}", "\"\xE5\xAD\x97\"", 5, 0);
}

static void knows_other_quotes(void **state)
{
    (void)state;
    CHECK(MEMBER, "'It's a dog'}", "\"It's a dog\"", 12, BIT(QUOTES));
    CHECK(MEMBER, "'say \\'hi\\''}", "\"say 'hi'\"", 12, BIT(QUOTES) | BIT(ESCAPE));
    CHECK(MEMBER, "'say \"hi\"'}", "\"say \\\"hi\\\"\"", 10, BIT(QUOTES));
    CHECK(KEY, "\xE2\x80\x9Cscore\xE2\x80\x9D: 3", "\"score\"", 11, BIT(QUOTES));
    CHECK(MEMBER,
          "\xE2\x80\x9C"
          "A dog.\xE2\x80\x9D, \xE2\x80\x9Cscore\xE2\x80\x9D: 3",
          "\"A dog.\"", 12, BIT(QUOTES));
    CHECK(MEMBER,
          "\"a \xE2\x80\x9C"
          "b\xE2\x80\x9D c\"}",
          "\"a \xE2\x80\x9C"
          "b\xE2\x80\x9D c\"",
          13, 0);
}

static void finds_the_end(void **state)
{
    (void)state;
    CHECK(MEMBER, "\"a \"big\" dog\", \"score\": 1}", "\"a \\\"big\\\" dog\"", 13, BIT(INNER_QUOTE));
    CHECK(MEMBER, "\"says \"hi\", then goes\", \"score\": 1}", "\"says \\\"hi\\\", then goes\"", 22, BIT(INNER_QUOTE));
    CHECK(ITEM, "\"a \"big\" dog -> cat\"]", "\"a \\\"big\\\" dog -> cat\"", 20, BIT(INNER_QUOTE));
    /* No comma behind it. */
    CHECK(MEMBER, "\"a\" \"score\": 1}", "\"a\"", 3, 0);
    CHECK(MEMBER, "\"a\"\n \"score\": 1}", "\"a\"", 3, 0);
    CHECK(MEMBER, "\"a\", score: 1}", "\"a\"", 3, 0);
    CHECK(MEMBER, "\"a\" // remark\n, \"score\": 1}", "\"a\"", 3, 0);
    /* The closing quote is missing: a key of reports shows it. */
    CHECK(MEMBER, "\"The dog.,\n  \"score\": 1}", "\"The dog.\"", 13, BIT(CONTROL) | BIT(UNCLOSED_STRING));
    CHECK(MEMBER, "\"The dog.\" hm,\n  \"score\": 1}", "\"The dog.\"", 10, BIT(CONTROL) | BIT(UNCLOSED_STRING));
    /* Cut off. */
    CHECK(MEMBER, "\"The do", NULL, 0, 0);
    CHECK(MEMBER, "\"The do\\", NULL, 0, 0);
    CHECK(MEMBER, "\"The do\\u00", NULL, 0, 0);
    CHECK(MEMBER, "\"The\", \"sco", "\"The\"", 5, 0);
}

static void writes_strict_json(void **state)
{
    (void)state;
    CHECK(MEMBER, "\"a\nb\tc\"}", "\"a\\nb\\u0009c\"", 7, BIT(CONTROL));
    CHECK(MEMBER, "\"a\0b\"}", "\"a\\u0000b\"", 5, BIT(CONTROL));
    CHECK(MEMBER, "\"a\xFFz\"}", "\"a\xEF\xBF\xBDz\"", 5, BIT(UTF8));
    CHECK(MEMBER, "\"a\xED\xA0\xBDz\"}", "\"a\\ud83dz\"", 7, 0);
    CHECK(MEMBER, "\"a\\x41\\_\\U0001F600\"}", "\"aA_\xF0\x9F\x98\x80\"", 19, BIT(ESCAPE));
    CHECK(MEMBER, "\"C:\\dir \\u12\"}", "\"C:\\\\dir \\\\u12\"", 13, BIT(ESCAPE));
}

static void unescapes(void **state)
{
    (void)state;
    opa_buffer out = {0};
    opa_quoted_unescape(&out, OPA_TEXT("{\\\"a\\\":\\n\\u00e9\\ud83d\\ude00\\ud83d}\" rest"), true);
    assert_string_equal(opa_buffer_text(&out).data, "{\"a\":\n\xC3\xA9\xF0\x9F\x98\x80\xED\xA0\xBD}");
    opa_buffer_clear(&out);
    opa_quoted_unescape(&out, OPA_TEXT("\"x\\"), false);
    assert_string_equal(opa_buffer_text(&out).data, "\"x\\");
    opa_buffer_release(&out);
}

static void knows_keys(void **state)
{
    (void)state;
    bool known;
    opa_scanner s = {.text = OPA_TEXT("\"score\" : 3")};
    assert_true(opa_quoted_key_at(&s, 0, &known));
    assert_true(known);
    s.text = OPA_TEXT("\"12\": {");
    assert_true(opa_quoted_key_at(&s, 0, &known));
    assert_true(known);
    s.text = OPA_TEXT("\"he said\": {");
    assert_true(opa_quoted_key_at(&s, 0, &known));
    assert_false(known);
    s.text = OPA_TEXT("\"he said\", {");
    assert_false(opa_quoted_key_at(&s, 0, &known));
    s.text = OPA_TEXT("score: 3");
    assert_false(opa_quoted_key_at(&s, 0, &known));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sound_strings), cmocka_unit_test(knows_other_quotes), cmocka_unit_test(finds_the_end),
        cmocka_unit_test(writes_strict_json),  cmocka_unit_test(unescapes),          cmocka_unit_test(knows_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
