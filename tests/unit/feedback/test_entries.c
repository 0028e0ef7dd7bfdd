/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/findings.h"
#include "feedback/entries.h"

static const char *type_name(opa_error_type type)
{
    return type == OPA_ERROR_TYPE_NONE ? "-" : opa_error_type_name(type);
}

static void add_text(opa_buffer *b, opa_text text)
{
    opa_buffer_add_string(b, text.data ? "'" : "-");
    opa_buffer_add_text(b, text);
    opa_buffer_add_string(b, text.data ? "' " : " ");
}

/* The sentences in one line: number (or +key for added), copied, rewritten, score, type, objects, reason, what the
 * release loses. */
static void describe(opa_buffer *b, const opa_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const opa_sentence *s = &report->sentences[i];
        opa_buffer_printf(b, s->added ? "+%s " : "%s ", s->key.data);
        if (!s->added)
            opa_buffer_printf(b, "%lld ", (long long)s->number);
        add_text(b, s->copied);
        add_text(b, s->rewritten);
        opa_buffer_printf(b, "%d %s ", s->score, type_name(s->error_type));
        for (size_t k = 0; k < s->object_count; k++) {
            opa_buffer_add_string(b, "[");
            opa_buffer_add_text(b, s->objects[k]);
            opa_buffer_add_string(b, "] ");
        }
        add_text(b, s->reason);
        opa_buffer_printf(b, "%s%s", s->released_score_lost ? "S" : "", s->released_type_lost ? "T" : "");
        opa_buffer_add_string(b, "\n");
    }
}

/* Read a sound tree and compare its sentences and findings ("code field" a line). */
static void check(const char *json, const char *sentences, const char *findings, size_t open)
{
    opa_context *ctx;
    opa_json *doc;
    opa_report report = {0};
    opa_findings list = {0};
    opa_buffer b = {0};
    opa_arena *arena = opa_arena_new();
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    assert_int_equal(opa_json_parse(ctx, &doc, (opa_text){json, strlen(json)}, NULL, NULL), OPA_OK);
    assert_int_equal(opa_entries_read(ctx, &report, arena, doc, open, &list), OPA_OK);
    describe(&b, &report);
    if (sentences)
        assert_string_equal(opa_buffer_text(&b).data, sentences);
    opa_buffer_clear(&b);
    for (size_t i = 0; i < list.count; i++)
        opa_buffer_printf(&b, "%d %s\n", list.items[i].code, list.items[i].field ? list.items[i].field : "-");
    assert_string_equal(opa_buffer_text(&b).data, findings);
    opa_buffer_release(&b);
    opa_findings_release(&list);
    opa_json_free(doc);
    opa_arena_free(arena);
    opa_context_free(ctx);
}

#define SOUND                                                                                                          \
    "\"copied_content\":\"a\",\"rewritten_content\":\"b\",\"score\":2,\"error_type\":\"image_recognition_error\""
#define READ "'a' 'b' 2 image_recognition_error - \n"

static void reads_the_released_form(void **state)
{
    (void)state;
    check("{\"image_description\":\"x\",\"0\":{\"copied_content\":\"a\",\"score\":4,\"error_type\":\"correct\","
          "\"object\":[],"
          "\"rewritten_content\":\"a\",\"reason\":\"r\"},\"1\":{" SOUND ",\"object\":[\"dog -> cat\",\"x -> y\"]},"
          "\"Added\":{\"rewritten_content\":\"c\",\"reason\":\"r\"}}",
          "0 0 'a' 'a' 4 correct 'r' \n"
          "1 1 'a' 'b' 2 image_recognition_error [dog -> cat] [x -> y] - \n"
          "+Added - 'c' 0 - 'r' \n",
          "", 0);
}

static void says_key_spellings_once(void **state)
{
    (void)state;
    check("{\"image description\":\"x\",\"0\":{\"copied content\":\"a\",\"score\":4,\"error "
          "type\":\"correct\",\"rewritten content\":\"a\"},"
          "\"1\":{\"copied content\":\"a\",\"score\":4,\"error type\":\"correct\",\"rewritten content\":\"a\"},"
          "\"Sentence 2\":{" SOUND "},\"added\":\"c\"}",
          "0 0 'a' 'a' 4 correct - \n1 1 'a' 'a' 4 correct - \nSentence 2 2 " READ "+added - 'c' 0 - - \n",
          "210 image description\n210 0.copied_content\n210 0.error_type\n210 0.rewritten_content\n210 Sentence 2\n210 "
          "added\n",
          0);
    /* The spelling with a space wins, as in the release. Others are known to us only, so the release loses their
     * weights. */
    check(
        "{\"0\":{\"copied "
        "content\":\"s\",\"copied_content\":\"u\",\"Score\":2,\"Error-Type\":\"correct\",\"rewritten_content\":\"b\"}}",
        "0 0 's' 'b' 2 correct - ST\n", "210 0.copied_content\n210 0.score\n210 0.error_type\n", 0);
}

static void reads_scores(void **state)
{
    (void)state;
    static const struct {
        const char *score, *read, *findings;
    } cases[] = {
        {"3", "3 correct - \n", ""},
        {"3.0", "3 correct - \n", "211 0.score\n"},
        {"\"3\"", "3 correct - S\n", "211 0.score\n"},
        {"\"4/4\"", "4 correct - S\n", "211 0.score\n"},
        {"0", "0 correct - S\n", "212 0.score\n"},
        {"5", "0 correct - S\n", "212 0.score\n"},
        {"-1", "0 correct - S\n", "212 0.score\n"},
        {"3.5", "0 correct - S\n", "212 0.score\n"},
        {"1e400", "0 correct - S\n", "212 0.score\n"},
        {"\"x\"", "0 correct - S\n", "212 0.score\n"},
        {"\"\"", "0 correct - S\n", "213 0.score\n"},
        {"null", "0 correct - S\n", "213 0.score\n"},
        {"NaN", "0 correct - S\n", "213 0.score\n"},
        {"[4]", "0 correct - S\n", "220 0.score\n"},
        {"true", "0 correct - S\n", "220 0.score\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[256], expected[128];
        snprintf(
            json, sizeof json,
            "{\"0\":{\"copied_content\":\"a\",\"rewritten_content\":\"b\",\"score\":%s,\"error_type\":\"correct\"}}",
            cases[i].score);
        snprintf(expected, sizeof expected, "0 0 'a' 'b' %s", cases[i].read);
        check(json, expected, cases[i].findings, 0);
    }
    check("{\"0\":{\"copied_content\":\"a\",\"rewritten_content\":\"b\"}}", "0 0 'a' 'b' 0 - - \n",
          "213 0.score\n216 0.error_type\n", 0);
}

static void reads_error_types(void **state)
{
    (void)state;
    static const struct {
        const char *type, *read, *findings;
    } cases[] = {
        {"\"Image_recognition_error\"", "1 image_recognition_error - T\n", "214 0.error_type\n"},
        {"\"image recognition error\"", "1 image_recognition_error - T\n", "214 0.error_type\n"},
        {"\"language_comprehension_error\"", "1 language_comprehension_error - \n", ""},
        {"\"hallucination\"", "1 - - T\n", "215 0.error_type\n"},
        {"\"\"", "1 - - T\n", "216 0.error_type\n"},
        {"null", "1 - - T\n", "216 0.error_type\n"},
        {"7", "1 - - T\n", "220 0.error_type\n"},
        {"[\"correct\"]", "1 - - T\n", "220 0.error_type\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[256], expected[128];
        snprintf(json, sizeof json,
                 "{\"0\":{\"copied_content\":\"a\",\"rewritten_content\":\"b\",\"score\":1,\"error_type\":%s}}",
                 cases[i].type);
        snprintf(expected, sizeof expected, "0 0 'a' 'b' %s", cases[i].read);
        check(json, expected, cases[i].findings, 0);
    }
}

static void reads_odd_fields(void **state)
{
    (void)state;
    const char *tail = "\"score\":1,\"error_type\":\"correct\"}}";
    static const struct {
        const char *fields, *read, *findings;
    } cases[] = {
        {"\"copied_content\":\"a\",", "'a' - 1 correct - \n", "219 0.rewritten_content\n"},
        {"\"copied_content\":\"a\",\"rewritten_content\":null,", "'a' - 1 correct - \n", "219 0.rewritten_content\n"},
        {"\"copied_content\":\"a\",\"rewritten_content\":\"\",", "'a' '' 1 correct - \n", ""},
        {"\"copied_content\":null,\"rewritten_content\":\"b\",", "- 'b' 1 correct - \n", ""},
        {"\"copied_content\":[\"a\",\"b\"],\"rewritten_content\":12.50,", "'a b' '12.50' 1 correct - \n",
         "220 0.copied_content\n220 0.rewritten_content\n"},
        {"\"copied_content\":\"a\",\"rewritten_content\":{\"x\":1},", "'a' - 1 correct - \n",
         "220 0.rewritten_content\n219 0.rewritten_content\n"},
        {"\"copied_content\":\"a\",\"rewritten_content\":\"b\",\"object\":\"dog -> cat\",",
         "'a' 'b' 1 correct [dog -> cat] - \n", "220 0.object\n"},
        {"\"copied_content\":\"a\",\"rewritten_content\":\"b\",\"object\":\"\",", "'a' 'b' 1 correct - \n", ""},
        {"\"copied_content\":\"a\",\"rewritten_content\":\"b\",\"object\":null,", "'a' 'b' 1 correct - \n", ""},
        {"\"copied_content\":\"a\",\"rewritten_content\":\"b\",\"object\":[{\"from\":\"dog\",\"to\":\"cat\"},\"x\"],",
         "'a' 'b' 1 correct [dog -> cat] [x] - \n", "220 0.object\n"},
        {"\"copied_content\":\"a\\u0000\\ud83d\",\"rewritten_content\":\"\\ud83d\\ude00\",", NULL, ""},
        {"\"copied_content\":\"a\",\"rewritten_content\":\"b\",\"confidence\":0.9,", "'a' 'b' 1 correct - \n", ""},
        {"\"score\":3,\"copied_content\":\"a\",\"rewritten_content\":\"b\",", "'a' 'b' 1 correct - \n", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[512], expected[128];
        snprintf(json, sizeof json, "{\"0\":{%s%s", cases[i].fields, tail);
        snprintf(expected, sizeof expected, "0 0 %s", cases[i].read ? cases[i].read : "");
        check(json, cases[i].read ? expected : NULL, cases[i].findings, 0);
    }
}

static void checks_numbers(void **state)
{
    (void)state;
#define S(n) "\"" n "\":{" SOUND "}"
    check("{" S("1") "," S("2") "}", NULL, "217 -\n", 0);
    check("{" S("0") "," S("5") "}", NULL, "217 -\n", 0);
    check("[{\"id\":0," SOUND "},{\"id\":1," SOUND "},{\"id\":1," SOUND "},{\"id\":1," SOUND "},{\"id\":-5," SOUND "}]",
          "0 0 " READ "1 1 " READ "1 1 " READ "1 1 " READ "-1 -1 " READ, "217 -\n209 -\n217 -\n", 0);
    check("{" S("0") "," S("1") "," S("01") "}", "0 0 " READ "1 1 " READ "01 1 " READ, "210 01\n217 -\n", 0);
    check("{" S("0") "," S("2") "," S("1") "}", "0 0 " READ "2 2 " READ "1 1 " READ, "112 1\n", 0);
    check("{" S("0") "," S("-1") "}", "0 0 " READ "-1 -1 " READ, "217 -1\n", 0);
    check("{" S("0") "," S("last") "}", "0 0 " READ "last -1 " READ, "217 last\n", 0);
    check("{" S("Added") "," S("0") "}", "+Added 'a' 'b' 2 image_recognition_error - \n0 0 " READ, "", 0);
}

static void knows_what_is_no_sentence(void **state)
{
    (void)state;
    check("{" S("0") ",\"1\":\"text\",\"2\":null,\"3\":7,\"4\":{},\"5\":{\"x\":1}}", "0 0 " READ,
          "218 1\n218 2\n218 3\n218 4\n218 5\n", 0);
    check("{" S("0") ",\"note\":\"remark\",\"meta\":{\"model\":\"x\"},\"n\":3}", "0 0 " READ, "", 0);
    check("{" S("0") ",\"Added\":7}", "0 0 " READ, "218 Added\n", 0);
    check("{" S("0") ",\"Added\":null}", "0 0 " READ, "", 0);
    check("{" S("0") ",\"Added\":{}}", "0 0 " READ, "", 0);
    check("{" S("0") ",\"Added\":\" \"}", "0 0 " READ, "", 0);
    check("{" S("0") ",\"Added\":{\"rewritten_content\":\"\",\"reason\":\"none\"}}", "0 0 " READ, "", 0);
    check("{" S("0") ",\"Added\":[\"x\",{\"rewritten_content\":\"y\"}]}",
          "0 0 " READ "+Added - 'x' 0 - - \n+Added - 'y' 0 - - \n", "", 0);
    check("{}", "", "", 0);
    check("[]", "", "", 0);
    check("{\"error\":{\"message\":\"rate limit\"}}", "", "", 0);
}

static void finds_nested_sentences(void **state)
{
    (void)state;
    check("[{" SOUND "},{" SOUND "}]", "0 0 " READ "1 1 " READ, "209 -\n", 0);
    check("[{\"number\":4," SOUND "},{\"id\":\"5\"," SOUND "}]", "4 4 " READ "5 5 " READ, "209 -\n217 -\n", 0);
    check("[{" S("0") "},{" S("1") "},{\"Added\":\"x\"}]", "0 0 " READ "1 1 " READ "+Added - 'x' 0 - - \n", "209 -\n",
          0);
    check("[{" SOUND "},{\"added\":true," SOUND "}]", NULL, "209 -\n", 0);
    check("{\"feedback\":{" S("0") "}}", "0 0 " READ, "210 feedback\n", 0);
    check("{\"image_description\":\"x\",\"sentences\":[{" SOUND "}],\"Added\":\"y\"}",
          "0 0 " READ "+Added - 'y' 0 - - \n", "209 -\n", 0);
    check("{" SOUND "}", "0 0 " READ, "", 0);
    /* Its closing brace was forgotten. */
    check("{\"0\":{" SOUND "," S("1") ",\"Added\":{\"rewritten_content\":\"x\"}}}",
          "0 0 " READ "1 1 " READ "+Added - 'x' 0 - - \n", "208 1\n208 Added\n", 0);
}

static void leaves_out_what_is_not_whole(void **state)
{
    (void)state;
    check("{" S("0") "," S("1") "}", "0 0 " READ "1 1 " READ, "", 1);
    check("{" S("0") "," S("1") "}", "0 0 " READ, "", 2);
    check("{" S("0") ",\"1\":{}}", "0 0 " READ, "", 2);
    check("{\"feedback\":{" S("0") "," S("1") "}}", "0 0 " READ "1 1 " READ, "210 feedback\n", 2);
    check("{\"feedback\":{" S("0") "," S("1") "}}", "0 0 " READ, "210 feedback\n", 3);
    check("[{" SOUND "},{" SOUND "}]", "0 0 " READ, "209 -\n", 2);
    check("{" S("0") ",\"Added\":{\"rewritten_content\":\"x\"}}", "0 0 " READ, "", 2);
    check("{" SOUND "}", "", "", 1);
}

static void bounds_its_findings(void **state)
{
    (void)state;
    opa_buffer json = {0};
    opa_context *ctx;
    opa_json *doc;
    opa_report report = {0};
    opa_findings list = {0};
    opa_arena *arena = opa_arena_new();
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    opa_buffer_printf(&json, "{\"0\":{" SOUND "}");
    for (int i = 1; i < 5000; i++)
        opa_buffer_printf(&json, ",\"%d\":%d", i, i);
    opa_buffer_add_char(&json, '}');
    assert_int_equal(opa_json_parse(ctx, &doc, opa_buffer_text(&json), NULL, NULL), OPA_OK);
    assert_int_equal(opa_entries_read(ctx, &report, arena, doc, 0, &list), OPA_OK);
    assert_int_equal(report.count, 1);
    assert_int_equal(list.count, 64);
    assert_string_equal(list.items[63].message, "and more of this kind in the same report");
    opa_findings_release(&list);
    opa_json_free(doc);
    opa_buffer_release(&json);
    opa_arena_free(arena);
    opa_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_released_form),
        cmocka_unit_test(says_key_spellings_once),
        cmocka_unit_test(reads_scores),
        cmocka_unit_test(reads_error_types),
        cmocka_unit_test(reads_odd_fields),
        cmocka_unit_test(checks_numbers),
        cmocka_unit_test(knows_what_is_no_sentence),
        cmocka_unit_test(finds_nested_sentences),
        cmocka_unit_test(leaves_out_what_is_not_whole),
        cmocka_unit_test(bounds_its_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
