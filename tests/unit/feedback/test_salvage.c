/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "feedback/salvage.h"

/* A case in one line. repairs: bits of opa_repair. */
typedef struct expectation {
    const char *in, *out;
    size_t open;
    uint32_t repairs;
    bool fenced, prose;
} expectation;

#define BIT(kind) (1u << OPA_REPAIR_##kind)

static void check(const expectation *e)
{
    opa_context *ctx;
    opa_salvage s;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    assert_int_equal(opa_salvage_next(ctx, &s, (opa_text){e->in, strlen(e->in)}, 0), OPA_OK);
    if (s.found != (e->out != NULL))
        print_message("%s: found %d\n", e->in, s.found);
    assert_int_equal(s.found, e->out != NULL);
    if (e->out) {
        const char *json = opa_buffer_text(&s.scanner.out).data;
        assert_string_equal(json + (json[0] == ' '), e->out);
        assert_int_equal(s.open, e->open);
        uint32_t repairs = 0;
        for (int i = 0; i < OPA_REPAIR_COUNT; i++)
            repairs |= s.scanner.repairs[i].count ? 1u << i : 0;
        if (repairs != e->repairs)
            print_message("%s: repairs %x, expected %x\n", e->in, repairs, e->repairs);
        assert_int_equal(repairs, e->repairs);
    }
    assert_int_equal(s.fenced, e->fenced);
    assert_int_equal(s.prose, e->prose);
    opa_salvage_release(&s);
    opa_context_free(ctx);
}

static void check_all(const expectation *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&cases[i]);
}

static void leaves_sound_json(void **state)
{
    (void)state;
    const expectation cases[] = {
        {"{\"a\": [1, -2.5e3, true, false, null, \"x\"], \"b\": {}}",
         "{\"a\":[1,-2.5e3,true,false,null,\"x\"],\"b\":{}}"},
        {"[{\"a\": []}]", "[{\"a\":[]}]"},
        {" \n {} \n", "{}"},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

static void repairs_syntax(void **state)
{
    (void)state;
    const expectation cases[] = {
        {"{\"a\": 1,}", "{\"a\":1}", 0, BIT(TRAILING_COMMA)},
        {"{\"a\": [1, 2,],}", "{\"a\":[1,2]}", 0, BIT(TRAILING_COMMA)},
        {"{,\"a\": 1,, \"b\": 2; \"c\": 3}", "{\"a\":1,\"b\":2,\"c\":3}", 0, BIT(EXTRA_COMMA)},
        {"{\"a\": 1 \"b\": true \"c\": 2}", "{\"a\":1,\"b\":true,\"c\":2}", 0, BIT(MISSING_COMMA)},
        {"{\"a\": 1\n \"b\": 2}", "{\"a\":1,\"b\":2}", 0, BIT(MISSING_COMMA)},
        {"{\"a\": \"x\" \"b\": {} \"c\": []}", "{\"a\":\"x\",\"b\":{},\"c\":[]}", 0, BIT(MISSING_COMMA)},
        {"{\"a\": [\"x\" \"y\"]}", "{\"a\":[\"x\",\"y\"]}", 0, BIT(MISSING_COMMA)},
        {"{'a': 'x', 'b': ['y', 'z']}", "{\"a\":\"x\",\"b\":[\"y\",\"z\"]}", 0, BIT(QUOTES)},
        {"{a: 1, copied content: \"x\"}", "{\"a\":1,\"copied content\":\"x\"}", 0, BIT(KEY)},
        {"{0: {\"a\": 1}}", "{\"0\":{\"a\":1}}", 0, BIT(KEY)},
        {"{\"a\": True, \"b\": None, \"c\": NaN}", "{\"a\":true,\"b\":null,\"c\":null}", 0, BIT(PYTHON)},
        {"{\"a\": correct, \"b\": 4/4}", "{\"a\":\"correct\",\"b\":\"4/4\"}", 0, BIT(VALUE)},
        {"{\"a\": 1, // one\n /* two */ \"b\": 2 # three\n}", "{\"a\":1,\"b\":2}", 0, BIT(COMMENT)},
        {"{\"a\" 1, \"b\" = 2, \"c\" => 3}", "{\"a\":1,\"b\":2,\"c\":3}", 0, BIT(MISSING_COLON)},
        {"{\"a\": , \"b\": 2}", "{\"a\":null,\"b\":2}", 0, BIT(MISSING_VALUE)},
        {"{\"a\": [\"x\"}", "{\"a\":[\"x\"]}", 0, BIT(BRACKET)},
        {"{\"a\": 1]}", "{\"a\":1}", 0, BIT(BRACKET)},
        {"[{\"a\": 1]", "[{\"a\":1}]", 0, BIT(BRACKET)},
        {"{\"object\": [\"x\", \"score\": 2}", "{\"object\":[\"x\"],\"score\":2}", 0, BIT(BRACKET)},
        {"{\"a\": 1, ... \"b\": 2}", "{\"a\":1,\"b\":2}", 0, BIT(GARBAGE)},
        {"{{\"a\": 1}}", "{\"a\":1}", 0, BIT(GARBAGE) | BIT(BRACKET)},
        {"\"0\": {\"a\": 1}}", "{\"0\":{\"a\":1}}", 0, BIT(MISSING_BRACE)},
        {"{\"0\": 1} {\"1\": 2},\n{\"2\": 3}", "[{\"0\":1},{\"1\":2},{\"2\":3}]", 0, BIT(SEVERAL)},
        {"{\"a\":\xC2\xA0"
         "1}",
         "{\"a\":1}", 0, BIT(SPACE)},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

static void finds_the_report(void **state)
{
    (void)state;
    const expectation cases[] = {
        {"```json\n{\"a\": 1}\n```", "{\"a\":1}", 0, 0, true, false},
        {"```\n{\"a\": 1}\n```\n", "{\"a\":1}", 0, 0, true, false},
        {"~~~JSON\n[{\"a\": 1}]\n~~~", "[{\"a\":1}]", 0, 0, true, false},
        {"```json\n{\"a\": 1}", "{\"a\":1}", 0, 0, true, false},
        {"```json\n{\"a\": 1}\n``", "{\"a\":1}", 0, 0, true, false},
        {"Here it is:\n```json\n{\"a\": 1}\n```\nGood luck!", "{\"a\":1}", 0, 0, true, true},
        {"Here [1] it {is}: {\"a\": 1}", "{\"a\":1}", 0, 0, false, true},
        {"{\"a\": 1} Good luck!", "{\"a\":1}", 0, 0, false, true},
        {"{\"a\": 1}}", "{\"a\":1}", 0, BIT(BRACKET), false, false},
        {"I'm sorry.", NULL, 0, 0, false, true},
        {"", NULL, 0, 0, false, false},
        {"```", NULL, 0, 0, true, false},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

static void counts_what_is_open(void **state)
{
    (void)state;
    const expectation cases[] = {
        {"{", "{}", 1},
        {"{\"a", "{}", 1},
        {"{\"a\"", "{}", 1},
        {"{\"a\":", "{}", 1},
        {"{\"a\": \"x", "{}", 1},
        {"{\"a\": 12", "{}", 1},
        {"{\"a\": \"x\"", "{\"a\":\"x\"}", 1},
        {"{\"a\": \"x\",", "{\"a\":\"x\"}", 1},
        {"{\"a\": {\"b\": \"x\", \"c", "{\"a\":{\"b\":\"x\"}}", 2},
        {"{\"a\": {\"b\": [1, 2", "{\"a\":{\"b\":[1]}}", 3},
        {"{\"a\": {\"b\": 1}, \"c\": \"x", "{\"a\":{\"b\":1}}", 1},
        {"[{\"a\": 1}, {", "[{\"a\":1},{}]", 2},
        {"{\"a\": 1} {\"b\": \"x", "[{\"a\":1},{}]", 2, BIT(SEVERAL)},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

static void has_limits(void **state)
{
    (void)state;
    static char deep[20000];
    opa_context *ctx;
    opa_salvage s;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    for (size_t i = 0; i + 5 < sizeof deep; i += 5)
        memcpy(deep + i, "{\"a\":", 5);
    assert_int_equal(opa_salvage_next(ctx, &s, (opa_text){deep, strlen(deep)}, 0), OPA_OK);
    assert_false(s.found);
    assert_true(s.end > 0);
    opa_salvage_release(&s);
    deep[5 * OPA_SALVAGE_DEPTH] = '\0';
    assert_int_equal(opa_salvage_next(ctx, &s, (opa_text){deep, strlen(deep)}, 0), OPA_OK);
    assert_true(s.found);
    assert_int_equal(s.open, OPA_SALVAGE_DEPTH);
    opa_salvage_release(&s);
    assert_int_equal(opa_salvage_next(ctx, &s, (opa_text){deep, OPA_SALVAGE_MAX + 1}, 0), OPA_OK);
    assert_false(s.found);
    opa_salvage_release(&s);
    opa_context_free(ctx);
}

static void knows_escaped_text(void **state)
{
    (void)state;
    assert_true(opa_salvage_is_escaped(OPA_TEXT("{\\\"0\\\": {")));
    assert_true(opa_salvage_is_escaped(OPA_TEXT("\"{\\n \\\"0\\\": {")));
    assert_false(opa_salvage_is_escaped(OPA_TEXT("{\"0\": \"\\\"\"}")));
    assert_false(opa_salvage_is_escaped(OPA_TEXT("{")));
    assert_false(opa_salvage_is_escaped(OPA_TEXT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_sound_json),   cmocka_unit_test(repairs_syntax), cmocka_unit_test(finds_the_report),
        cmocka_unit_test(counts_what_is_open), cmocka_unit_test(has_limits),     cmocka_unit_test(knows_escaped_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
