/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/json.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static opa_context *ctx;
static opa_findings findings;
static opa_json *doc;
static char *copy; /* exactly as long as the input, so that overruns show under a sanitizer */

static int setup(void **state)
{
    (void)state;
    return opa_context_new(&ctx);
}

static int teardown(void **state)
{
    (void)state;
    opa_json_free(doc);
    doc = NULL;
    free(copy);
    copy = NULL;
    opa_findings_release(&findings);
    opa_context_free(ctx);
    return 0;
}

static int parse_with(const char *s, size_t size, const opa_json_options *options)
{
    opa_json_free(doc);
    opa_findings_release(&findings);
    free(copy);
    copy = malloc(size + (size == 0));
    memcpy(copy, s, size);
    return opa_json_parse(ctx, &doc, (opa_text){copy, size}, options, &findings);
}

static int parse(const char *s)
{
    return parse_with(s, strlen(s), NULL);
}

static const opa_finding *find(int code)
{
    for (size_t i = 0; i < findings.count; i++)
        if (findings.items[i].code == code)
            return &findings.items[i];
    return NULL;
}

static const cJSON *get(const char *key)
{
    return opa_json_get(opa_json_root(doc), key);
}

static void is_text(const cJSON *value, const char *expected, size_t size)
{
    opa_text t;
    assert_true(opa_json_text(doc, value, &t));
    assert_int_equal(t.size, size);
    assert_memory_equal(t.data, expected, size);
}
#define IS_TEXT(value, literal) is_text(value, literal, sizeof(literal) - 1)

static void test_values(void **state)
{
    (void)state;
    assert_int_equal(parse(" {\"a\": \"x\", \"b\": [1, -2.50, true, false, null, {}, []], \"A\": \"y\\n\"} \n"),
                     OPA_OK);
    assert_int_equal(findings.count, 0);
    IS_TEXT(get("a"), "x");
    IS_TEXT(get("A"), "y\n");
    assert_null(get("c"));
    const cJSON *b = get("b");
    assert_int_equal(cJSON_GetArraySize(b), 7);
    double x;
    opa_text lexeme;
    assert_true(opa_json_number(doc, cJSON_GetArrayItem(b, 1), &x) && x == -2.5);
    assert_true(opa_json_lexeme(doc, cJSON_GetArrayItem(b, 1), &lexeme));
    assert_int_equal(lexeme.size, 5);
    assert_memory_equal(lexeme.data, "-2.50", 5);
    assert_true(cJSON_IsTrue(cJSON_GetArrayItem(b, 2)));
    assert_true(opa_json_is_null(cJSON_GetArrayItem(b, 4)));
    assert_false(opa_json_is_null(NULL));
    assert_true(cJSON_IsObject(cJSON_GetArrayItem(b, 5)));
    assert_true(cJSON_IsArray(cJSON_GetArrayItem(b, 6)));
    assert_false(opa_json_is_string(doc, b));
    assert_true(opa_json_is_string(doc, get("a")));
    opa_text t;
    assert_false(opa_json_text(doc, b, &t));
    assert_false(opa_json_text(doc, NULL, &t));
    assert_false(opa_json_number(doc, get("a"), &x));
    assert_null(opa_json_get(b, "a"));
    assert_null(opa_json_get(NULL, "a"));
}

/* What cJSON damages on its own. */
static void test_survivors(void **state)
{
    (void)state;
    int64_t n;
    opa_text lexeme;
    assert_int_equal(
        parse("{\"nul\":\"x\\u0000y\",\n\"half\":\"\\ud83d\",\n\"big\":9007199254740993,\n\"huge\":1e400,\n"
              "\"nan\":NaN,\"inf\":-Infinity,\"pair\":\"\\ud83d\\ude00\",\"Case\":1,\"case\":2}"),
        OPA_OK);
    IS_TEXT(get("nul"), "x\0y");
    IS_TEXT(get("half"), "\xED\xA0\xBD");
    IS_TEXT(get("pair"), "\xF0\x9F\x98\x80");
    assert_true(opa_json_integer(doc, get("big"), &n) && n == 9007199254740993);
    assert_true(opa_json_lexeme(doc, get("huge"), &lexeme) && lexeme.size == 5);
    assert_true(opa_json_integer(doc, get("case"), &n) && n == 2);
    assert_true(opa_json_is_null(get("nan")) && opa_json_is_null(get("inf")));
    assert_int_equal(find(OPA_F_NUL_CHARACTER)->line, 1);
    assert_string_equal(find(OPA_F_NUL_CHARACTER)->field, "nul");
    assert_int_equal(find(OPA_F_LONE_SURROGATE)->line, 2);
    assert_int_equal(find(OPA_F_NUMBER_EXACT)->line, 3);
    assert_int_equal(find(OPA_F_BARE_NAN)->line, 5);
    assert_string_equal(find(OPA_F_BARE_NAN)->field, "nan");
    assert_int_equal(findings.count, 6);
}

static void test_keys(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"a\\\"b\\\\\":1,\"n\\u0000\":2,\"\":3,\"\\u00e9\":4,\"n\":5}"), OPA_OK);
    const cJSON *m = opa_json_root(doc)->child;
    static const struct {
        const char *key;
        size_t size;
    } keys[] = {{"a\"b\\", 4}, {"n\0", 2}, {"", 0}, {"\xC3\xA9", 2}, {"n", 1}};
    for (size_t i = 0; i < 5; i++, m = m->next) {
        const opa_text key = opa_json_key(doc, m);
        assert_int_equal(key.size, keys[i].size);
        assert_memory_equal(key.data, keys[i].key, key.size);
    }
    assert_true(get("a\"b\\") && get("") && get("\xC3\xA9"));
    int64_t n;
    assert_true(opa_json_integer(doc, get("n"), &n) && n == 5);
    assert_null(opa_json_key(doc, opa_json_root(doc)).data);
}

static void test_duplicates(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"a\":{\"x\":1,\"x\":[\"p\",{\"y\":0,\"y\":1}]},\"b\":\"first\",\n\"\\u0061\":{\"z\":1},"
                           "\"b\":\"2nd\",\"b\":\"last\"}"),
                     OPA_OK);
    assert_int_equal(cJSON_GetArraySize(opa_json_root(doc)), 2);
    IS_TEXT(get("b"), "last");
    assert_non_null(opa_json_get(get("a"), "z"));
    assert_null(opa_json_get(get("a"), "x"));
    assert_int_equal(findings.count, 5); /* y, x, a, b twice */
    opa_json_place place;
    assert_true(opa_json_place_of(doc, "b", &place));
    assert_memory_equal(copy + place.value.begin, "\"last\"", 6);
    assert_int_equal(place.value.end - place.value.begin, 6);
    assert_int_equal(place.line, 2);
}

/* Many keys are sorted, few compared in pairs: both must agree with a count by hand. */
static void test_many_duplicates(void **state)
{
    (void)state;
    for (int members = 2; members <= 60; members++) {
        opa_buffer b = {0};
        const int distinct = members / 2 + 1;
        opa_buffer_add_char(&b, '{');
        for (int i = 0; i < members; i++)
            opa_buffer_printf(&b, "%s\"k%d\":%d", i ? "," : "", i % distinct, i);
        opa_buffer_add_char(&b, '}');
        assert_int_equal(parse(b.data), OPA_OK);
        opa_buffer_release(&b);
        assert_int_equal(cJSON_GetArraySize(opa_json_root(doc)), distinct);
        for (int i = 0; i < distinct; i++) {
            char key[16];
            int64_t n;
            snprintf(key, sizeof key, "k%d", i);
            assert_true(opa_json_integer(doc, get(key), &n));
            assert_int_equal(n, i + distinct < members ? i + distinct : i);
        }
    }
}

static void refuse(const char *s, int code, const char *message)
{
    assert_int_equal(parse(s), OPA_EDATA);
    assert_null(doc);
    assert_non_null(find(code));
    assert_string_equal(opa_context_message(ctx), message);
}

static void test_messages(void **state)
{
    (void)state;
    refuse("", OPA_F_JSON_INVALID, "line 1, column 1: expected a value, found the end");
    refuse("{\"a\":1,}", OPA_F_JSON_INVALID, "line 1, column 8: expected a key in quotes, found '}'");
    refuse("[1,\n2,\n  3 4]", OPA_F_JSON_INVALID, "line 3, column 5: expected ',' or ']' behind an element, found '4'");
    refuse("[\"\xC3\xA9\xC3\xA9\",\x01]", OPA_F_JSON_INVALID, "line 1, column 7: expected a value, found byte 0x01");
    refuse("{\"a\" 1}", OPA_F_JSON_INVALID, "line 1, column 6: expected ':' behind a key, found '1'");
    refuse("{\"a\":\"b\nc\"}", OPA_F_JSON_INVALID, "line 1, column 8: a line break inside a string");
    refuse("\"\\x\"", OPA_F_JSON_INVALID, "line 1, column 2: an escape that JSON does not have");
    refuse("[-]", OPA_F_JSON_INVALID, "line 1, column 2: a number that JSON does not have");
    refuse("\"abc", OPA_F_JSON_INVALID, "line 1, column 5: a string that does not end");
    refuse("\"\xFF\"", OPA_F_INVALID_UTF8, "line 1, column 2: bytes that are no UTF-8");
    refuse("{} {}", OPA_F_JSON_INVALID, "line 1, column 4: expected nothing behind the document, found '{'");
    assert_int_equal(parse("{\"a\":[{\"b\":[1,x]}]}"), OPA_EDATA);
    assert_string_equal(find(OPA_F_JSON_INVALID)->field, "a.0.b.1");
    const opa_json_options later = {.max_depth = 8, .max_size = 100, .first_line = 40};
    assert_int_equal(parse_with("\n\n!", 3, &later), OPA_EDATA);
    assert_string_equal(opa_context_message(ctx), "line 42, column 1: expected a value, found '!'");
}

static void test_limits(void **state)
{
    (void)state;
    char deep[400];
    for (int depth = 127; depth <= 129; depth++) {
        memset(deep, '[', (size_t)depth);
        memset(deep + depth, ']', (size_t)depth);
        deep[2 * depth] = '\0';
        assert_int_equal(parse(deep), depth <= 128 ? OPA_OK : OPA_EDATA);
    }
    assert_non_null(find(OPA_F_JSON_DEPTH));
    const opa_json_options small = {.max_depth = SIZE_MAX, .max_size = 5, .first_line = 1};
    assert_int_equal(parse_with("[1,2]", 5, &small), OPA_OK);
    assert_int_equal(parse_with("[1,2] ", 6, &small), OPA_EDATA);
    assert_non_null(find(OPA_F_JSON_SIZE));
    const size_t count = 100000;
    char *many = malloc(count);
    memset(many, '[', count);
    const opa_json_options any = {.max_depth = SIZE_MAX, .max_size = SIZE_MAX, .first_line = 1};
    assert_int_equal(parse_with(many, count, &any), OPA_EDATA);
    assert_non_null(find(OPA_F_JSON_DEPTH));
    free(many);
}

static void test_strict(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int code;
    } cases[] = {{"NaN", OPA_F_BARE_NAN},
                 {"[-Infinity]", OPA_F_BARE_NAN},
                 {"\"\\ud800\"", OPA_F_LONE_SURROGATE},
                 {"\xEF\xBB\xBF{}", OPA_F_BYTE_ORDER_MARK},
                 {"\"\xED\xA0\x80\"", OPA_F_LONE_SURROGATE}};
    opa_json_options strict = OPA_JSON_OPTIONS_INIT;
    strict.strict = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(cases[i].s), OPA_OK);
        assert_int_equal(findings.count, 1);
        assert_int_equal(findings.items[0].code, cases[i].code);
        assert_int_equal(parse_with(cases[i].s, strlen(cases[i].s), &strict), OPA_EDATA);
    }
    assert_int_equal(parse_with("\"\\ud83d\\ude00\"", 14, &strict), OPA_OK);
}

static void test_findings_are_bounded(void **state)
{
    (void)state;
    opa_buffer b = {0};
    opa_buffer_add_string(&b, "[0");
    for (int i = 0; i < 1000; i++)
        opa_buffer_add_string(&b, ",NaN");
    opa_buffer_add_char(&b, ']');
    assert_int_equal(parse(b.data), OPA_OK);
    opa_buffer_release(&b);
    assert_int_equal(findings.count, 17);
    assert_string_equal(findings.items[16].message, "the same in 984 more places");
}

static void test_places(void **state)
{
    (void)state;
    assert_int_equal(parse("\n{ \"a\" : [1,\n2] ,\n\"b\":\"x\\n\" , \"c\": {\"a\":1}\n,\"d\":-1}"), OPA_OK);
    static const struct {
        const char *key, *value;
        int64_t line;
    } places[] = {{"a", "[1,\n2]", 2}, {"b", "\"x\\n\"", 4}, {"c", "{\"a\":1}", 4}, {"d", "-1", 5}};
    for (size_t i = 0; i < 4; i++) {
        opa_json_place p;
        assert_true(opa_json_place_of(doc, places[i].key, &p));
        assert_int_equal(p.value.end - p.value.begin, strlen(places[i].value));
        assert_memory_equal(copy + p.value.begin, places[i].value, strlen(places[i].value));
        assert_int_equal(p.line, places[i].line);
    }
    opa_json_place p;
    assert_false(opa_json_place_of(doc, "e", &p));
    assert_int_equal(parse("[{\"a\":1}]"), OPA_OK);
    assert_false(opa_json_place_of(doc, "a", &p));
}

static void test_long_strings_are_not_copied(void **state)
{
    (void)state;
    opa_buffer b = {0};
    opa_buffer_add_string(&b, "{\"image\":\"");
    for (int i = 0; i < 5000; i++)
        opa_buffer_add_string(&b, "QUJD+/09");
    opa_buffer_add_string(&b, "\"}");
    assert_int_equal(parse(b.data), OPA_OK);
    opa_buffer_release(&b);
    opa_text t;
    assert_true(opa_json_text(doc, get("image"), &t));
    assert_int_equal(t.size, 40000);
    assert_ptr_equal(t.data, copy + 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_values),
        TEST(test_survivors),
        TEST(test_keys),
        TEST(test_duplicates),
        TEST(test_many_duplicates),
        TEST(test_messages),
        TEST(test_limits),
        TEST(test_strict),
        TEST(test_findings_are_bounded),
        TEST(test_places),
        TEST(test_long_strings_are_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
