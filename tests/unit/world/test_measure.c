/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"
#include "world.h"

static void test_by_hand(void **state)
{
    (void)state;
    struct tally tally = {0};
    /* one of two named, and right */
    tally_add(&tally, &kitchen, OPA_TEXT("A kitchen scene. A red cup is on the left."));
    /* both named, one in a wrong colour; two of four invented */
    tally_add(&tally, &kitchen, OPA_TEXT("A red dog. A cup. A boat. A blue car and a boat."));
    /* nothing */
    tally_add(&tally, &kitchen, OPA_TEXT(""));
    const struct measures m = tally_measures(&tally);
    assert_int_equal(m.answers, 3);
    assert_near(m.hal_rate, 100 / 3., 1e-9);
    assert_near(m.hal_rate_error, 100 * sqrt(2 / 27.), 1e-9);
    assert_near(m.cover, 100 * (.5 + 1 + 0) / 3, 1e-9);
    assert_near(m.cover_error, 100 * sqrt((1.25 / 3 - .25) / 3), 1e-9);
    assert_near(m.chair, 100 * .5 / 3, 1e-9);
    assert_near(m.chair_i, 100 * 2 / 5., 1e-9);
    assert_near(m.attribute_errors, 100 / 3., 1e-9);
    assert_near(m.words, (10 + 13) / 3., 1e-9);
    assert_near(m.mentions, 5 / 3., 1e-9);
}

static void test_nothing(void **state)
{
    (void)state;
    const struct measures m = tally_measures(&(struct tally){0});
    assert_near(m.hal_rate + m.cover + m.chair_i + m.words + m.hal_rate_error, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
