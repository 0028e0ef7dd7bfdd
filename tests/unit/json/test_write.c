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

#include "base/utf8.h"

static opa_context *ctx;
static opa_json_writer *w;

static int setup(void **state)
{
    (void)state;
    return opa_context_new(&ctx) || opa_json_writer_new(ctx, &w);
}

static int teardown(void **state)
{
    (void)state;
    opa_json_writer_free(w);
    opa_context_free(ctx);
    return 0;
}

static void written(const char *expected)
{
    opa_text out;
    assert_int_equal(opa_json_writer_finish(w, &out), OPA_OK);
    assert_int_equal(out.size, strlen(expected));
    assert_memory_equal(out.data, expected, out.size);
    opa_json_writer_clear(w);
}

static void test_structure(void **state)
{
    (void)state;
    written("");
    opa_json_begin_object(w);
    opa_json_write_key(w, "a");
    opa_json_begin_array(w);
    opa_json_write_integer(w, 1);
    opa_json_write_integer(w, INT64_MIN);
    opa_json_write_number(w, 0.5);
    opa_json_write_number(w, NAN);
    opa_json_begin_array(w);
    opa_json_end_array(w);
    opa_json_begin_object(w);
    opa_json_end_object(w);
    opa_json_end_array(w);
    opa_json_write_key_text(w, OPA_TEXT("b\n"));
    opa_json_write_string(w, "x");
    opa_json_write_key(w, "c");
    opa_json_write_string(w, NULL);
    opa_json_write_key(w, "d");
    opa_json_write_bool(w, true);
    opa_json_write_key(w, "e");
    opa_json_write_raw(w, OPA_TEXT(" { \"k y\" : [ 1 , 2 ]\n}\t"));
    opa_json_write_key(w, "f");
    opa_json_write_null(w);
    opa_json_end_object(w);
    written("{\"a\":[1,-9223372036854775808,0.5,null,[],{}],\"b\\n\":\"x\",\"c\":null,\"d\":true,\"e\":{\"k "
            "y\":[1,2]},\"f\":null}");
}

static void text_is(const char *text, size_t size, const char *expected)
{
    opa_json_write_text(w, (opa_text){text, size});
    written(expected);
}
#define TEXT_IS(text, expected) text_is(text, sizeof(text) - 1, expected)

static void test_texts(void **state)
{
    (void)state;
    TEXT_IS("", "\"\"");
    TEXT_IS("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
    TEXT_IS("\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    TEXT_IS("x\0y", "\"x\\u0000y\"");
    TEXT_IS("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    TEXT_IS("\xED\xA0\xBD", "\"\\ud83d\"");
    TEXT_IS("\xED\xB8\x80\xED\xA0\xBDz", "\"\\ude00\\ud83dz\"");
    TEXT_IS("\xED\xA0\xBD\xED\xB8\x80", "\"\xF0\x9F\x98\x80\"");
    TEXT_IS("a\xFF\xC3(", "\"a\\ufffd\\ufffd(\"");
    opa_json_write_text(w, (opa_text){0});
    written("null");
}

static void test_raw(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"[ 1,\r\n\t2 ]", "[1,2]"},
                                           {"\" a \\\" b \"", "\" a \\\" b \""},
                                           {"{\"a\" : \"\\\\\" , \"b\":1}", "{\"a\":\"\\\\\",\"b\":1}"},
                                           {"\"open", "\"open"},
                                           {"\"open\\", "\"open\\"},
                                           {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        opa_json_write_raw(w, (opa_text){cases[i][0], strlen(cases[i][0])});
        written(cases[i][1]);
    }
}

/* A random text in WTF-8: any code points, halves never in the order of a pair. */
static size_t random_text(char *out, size_t max)
{
    size_t size = 0;
    uint32_t last = 0;
    for (size_t n = (size_t)rand() % max; n > 0; n--) {
        uint32_t c = (uint32_t)rand();
        switch (rand() % 8) {
        case 0:
            c %= 0x20;
            break;
        case 1:
            c = 0xD800 + c % 0x800;
            break;
        case 2:
            c %= 0x110000;
            break;
        case 3:
            c = 0x80 + c % 0x700;
            break;
        case 4:
            c = "\"\\/bnu"[c % 6];
            break;
        default:
            c = 0x20 + c % 0x5F;
            break;
        }
        if (last >= 0xD800 && last <= 0xDBFF && c >= 0xDC00 && c <= 0xDFFF)
            c = 'x';
        size += opa_wtf8_encode(out + size, c);
        last = c;
    }
    return size;
}

/* What is written, the guard reads back exactly. */
static void test_round_trip(void **state)
{
    (void)state;
    const unsigned seed = 42;
    print_message("seed %u\n", seed);
    srand(seed);
    static char texts[3][1200];
    for (int round = 0; round < 5000; round++) {
        size_t sizes[3];
        opa_json_begin_array(w);
        for (int i = 0; i < 3; i++) {
            sizes[i] = random_text(texts[i], i == 2 ? 300 : 20);
            opa_json_write_text(w, (opa_text){texts[i], sizes[i]});
        }
        const double x = ldexp((double)rand(), rand() % 200 - 100);
        const int64_t n = (int64_t)((uint64_t)rand() << 33 ^ (uint64_t)rand());
        opa_json_write_number(w, x);
        opa_json_write_integer(w, n);
        opa_json_begin_object(w);
        opa_json_write_key_text(w, (opa_text){texts[0], sizes[0]});
        opa_json_write_null(w);
        opa_json_end_object(w);
        opa_json_end_array(w);
        opa_text out, t;
        opa_json *doc;
        double y;
        int64_t m;
        assert_int_equal(opa_json_writer_finish(w, &out), OPA_OK);
        assert_int_equal(opa_json_parse(ctx, &doc, out, NULL, NULL), OPA_OK);
        const cJSON *item = opa_json_root(doc)->child;
        for (int i = 0; i < 3; i++, item = item->next) {
            assert_true(opa_json_text(doc, item, &t));
            assert_true(opa_text_equal(t, (opa_text){texts[i], sizes[i]}));
        }
        assert_true(opa_json_number(doc, item, &y) && y == x);
        assert_true(opa_json_integer(doc, item->next, &m) && m == n);
        assert_true(opa_text_equal(opa_json_key(doc, item->next->next->child), (opa_text){texts[0], sizes[0]}));
        opa_json_free(doc);
        opa_json_writer_clear(w);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_structure), TEST(test_texts), TEST(test_raw), TEST(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
