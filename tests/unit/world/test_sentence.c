/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* What every voice says is understood again. */
static void test_round_trip(void **state)
{
    (void)state;
    struct random r = random_for(1, 0, STREAM_CAPTION, 0);
    for (int i = 0; i < 5000; i++) {
        struct answer a = {.size = 0};
        const int kind = random_below(&r, KINDS), colour = random_below(&r, COLOURS),
                  column = random_below(&r, COLUMNS);
        say_context(&a, (enum voice)(i % 3), i % CONTEXTS);
        say_object(&a, (enum voice)(i % 3), kind, colour, column, &r);
        opa_text rest = text_of_answer(&a), sentence;
        assert_true(next_sentence(&sentence, &rest));
        assert_int_equal(claim_of(sentence).context, i % CONTEXTS);
        assert_int_equal(claim_of(sentence).kind, -1);
        assert_true(next_sentence(&sentence, &rest));
        const struct claim claim = claim_of(sentence);
        assert_int_equal(claim.kind, kind);
        assert_int_equal(claim.colour, colour);
        assert_int_equal(claim.column, column);
        assert_int_equal(claim.kinds, 1 << kind);
        assert_true(claim.whole && word_is(sentence, claim.word, kind_names[kind]));
        assert_false(next_sentence(&sentence, &rest));
    }
}

/* "also" needs an object before it. */
static void test_also(void **state)
{
    (void)state;
    int also = 0;
    for (uint64_t i = 0; i < 400; i++) {
        struct random r = random_for(2, i, STREAM_CAPTION, 0);
        struct answer a = {.size = 0};
        say_context(&a, VOICE_WEB, 0);
        say_object(&a, VOICE_WEB, 1, 1, 1, &r);
        assert_null(strstr(a.text, "also"));
        say_object(&a, VOICE_WEB, 2, 1, 1, &r);
        also += strstr(a.text, "also") != NULL;
    }
    assert_near(also, 100, 40);
}

static void test_broken_english(void **state)
{
    (void)state;
    const struct claim claim = claim_of(OPA_TEXT("A RED cup and a blue dogged dog left of carpet, center"));
    assert_int_equal(claim.kind, 0);
    assert_int_equal(claim.colour, 0);
    assert_int_equal(claim.column, 0);
    assert_int_equal(claim.kinds, 1 << 0 | 1 << 7);
    assert_false(claim.whole);
    opa_text rest = OPA_TEXT(" \n.. A cup . x\xff "), sentence;
    const opa_text want[] = {OPA_TEXT("."), OPA_TEXT("."), OPA_TEXT("A cup ."), OPA_TEXT("x\xff")};
    for (int i = 0; i < 4; i++) {
        assert_true(next_sentence(&sentence, &rest));
        assert_int_equal(sentence.size, want[i].size);
        assert_memory_equal(sentence.data, want[i].data, sentence.size);
    }
    assert_false(next_sentence(&sentence, &rest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_also),
                                       cmocka_unit_test(test_broken_english)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
