/* SPDX-License-Identifier: Apache-2.0 */
#include "expert.h"
#include "measure.h"
#include "world.h"

/* One sentence to the kitchen's expert: its score, and what it becomes. */
static void check(const char *said, int score, const char *want)
{
    struct corrections c;
    const opa_text text = {said, strlen(said)};
    assert_int_equal(expert_correct(&c, &kitchen, text), OPA_OK);
    char *revised = corrections_joined(&c, true, text);
    assert_non_null(revised);
    assert_int_equal(c.of[c.count - 1].score, score);
    assert_string_equal(revised, want);
    free(revised);
    corrections_release(&c);
}

static void test_cases(void **state)
{
    (void)state;
    check(" A kitchen scene. A red cup is on the left.", 4, " A kitchen scene. A red cup is on the left.");
    check("A park scene.", 2, "A kitchen scene.");
    check("A Green cup is on the left.", 2, "A red cup is on the left.");
    check("A green cup is in the center.", 2, "A red cup is on the left.");
    check("A red cup is on the right.", 3, "A red cup is on the left.");
    check("Toward the center lies one dog of blue hue.", 3, "Toward the right side lies one dog of blue hue.");
    check("A cup. There is a red cup.", 1, "A cup.");
    check("It is big. A red cup. Yes", 3, "It is big. A red cup.");
    check("There is a cup", 4, "There is a cup");
}

/* An absent object makes room for one that nobody named, when the expert sees one: the near cup always. */
static void test_invented(void **state)
{
    (void)state;
    struct corrections c;
    const opa_text text = OPA_TEXT("A kitchen scene. A red dog is there. A boat is on the left. A red crab.");
    assert_int_equal(expert_correct(&c, &kitchen, text), OPA_OK);
    assert_int_equal(c.count, 4);
    assert_int_equal(c.of[1].score, 2);
    assert_int_equal(c.of[2].score, 1);
    assert_string_equal(c.of[2].type, "image_recognition_error");
    assert_non_null(strstr(c.of[2].rewritten, "clearly visible"));
    assert_non_null(strstr(c.of[2].rewritten, "red cup on the left."));
    corrections_release(&c);
    assert_int_equal(expert_correct(&c, &kitchen, OPA_TEXT("")), OPA_OK);
    assert_int_equal(c.count, 0);
    corrections_release(&c);
}

/* Where nothing is left to be said, half of the last sentences say so; those before the last never do, for others follow
 * that name what is visible. */
static void test_nothing_else(void **state)
{
    (void)state;
    const opa_text last = OPA_TEXT("A kitchen scene. A red cup is on the left. A boat is on the left.");
    const opa_text middle = OPA_TEXT("A kitchen scene. A boat is on the left. A crab. A red cup is on the left.");
    int said = 0;
    for (uint32_t n = 0; n < 400; n++) {
        struct corrections c;
        struct scene s = kitchen;
        s.number = n; /* the expert's dice */
        s.count = 1;  /* the near cup */
        assert_int_equal(expert_correct(&c, &s, last), OPA_OK);
        const bool says = strcmp(c.of[2].rewritten, "Nothing else is clearly visible.") == 0;
        assert_true(says || c.of[2].rewritten[0] == '\0');
        said += says;
        corrections_release(&c);
        assert_int_equal(expert_correct(&c, &s, middle), OPA_OK);
        assert_string_equal(c.of[1].rewritten, "");
        assert_string_equal(c.of[2].rewritten, "");
        corrections_release(&c);
    }
    assert_in_range(said, 160, 240);
}

/* Of a sentence that names what is there and what is not, the second is what was changed. */
static void test_invented_beside_true(void **state)
{
    (void)state;
    struct corrections c;
    assert_int_equal(expert_correct(&c, &kitchen, OPA_TEXT("A cup and a pot.")), OPA_OK);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.of[0].score, 1);
    assert_string_equal(c.of[0].change[0], "pot");
    assert_string_equal(c.of[0].reason, "There is no pot in the picture.");
    corrections_release(&c);
}

/* Whatever the web says: corrected, nothing is invented, nothing is wrong, nothing is said twice, and what was right
 * stands as it was. */
static void test_all_is_right(void **state)
{
    (void)state;
    struct tally tally = {0};
    int64_t unchanged = 0;
    for (uint32_t n = 0; n < 3000; n++) {
        struct scene s;
        struct answer a;
        struct corrections c;
        uint32_t named = 0;
        scene_draw(&s, 8, n);
        caption_web(&a, &s, FILLERS, 0);
        assert_int_equal(expert_correct(&c, &s, text_of_answer(&a)), OPA_OK);
        for (size_t i = 0; i < c.count; i++) {
            const struct correction *one = &c.of[i];
            const struct claim claim = claim_of((opa_text){one->rewritten, strlen(one->rewritten)});
            assert_int_equal(named & claim.kinds, 0);
            named |= claim.kinds;
            if (one->score == 4)
                assert_int_equal(strncmp(one->rewritten, one->copied.data, one->copied.size), 0);
        }
        char *revised = corrections_joined(&c, true, text_of_answer(&a));
        tally_add(&tally, &s, (opa_text){revised, strlen(revised)});
        unchanged += strcmp(revised, a.text) == 0;
        free(revised);
        corrections_release(&c);
    }
    const struct measures m = tally_measures(&tally);
    assert_near(m.hal_rate + m.attribute_errors, 0, 0);
    assert_true(m.cover > 75);
    assert_true(unchanged > 600 && unchanged < 2400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_invented),
                                       cmocka_unit_test(test_nothing_else), cmocka_unit_test(test_invented_beside_true),
                                       cmocka_unit_test(test_all_is_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
