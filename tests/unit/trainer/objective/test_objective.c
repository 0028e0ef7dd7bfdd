/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "objective/pairwise.h"

static void test_names(void **state)
{
    (void)state;
    const struct objective *const *list = objective_list();
    size_t count = 0;
    for (; list[count] != NULL; count++) {
        assert_ptr_equal(objective_find(list[count]->name), list[count]);
        assert_true(list[count]->source[0] != '\0');
        assert_true(list[count]->needs[PAIR_LANGUAGE]);
        if (list[count]->row != NULL)
            assert_string_equal(list[count]->row->name, list[count]->name);
    }
    assert_int_equal(count, 18);
    assert_null(objective_find("mdpo")); /* packs have no data for it */
    assert_null(objective_find(""));
}

static void test_scales(void **state)
{
    (void)state;
    const struct objective_counts counts = {.samples = 4, .pairs = 8};
    const struct coefficients *c = &objective_find("release")->defaults;
    assert_close("paper", objective_scale(objective_find("paper"), c, counts), 1.0 / 4, 0);
    assert_close("release", objective_scale(objective_find("release"), c, counts), 1.0 / (4 * 896), 1e-16);
    assert_close("sigmoid", objective_scale(objective_find("sigmoid"), c, counts), 1.0 / 8, 0);
}

/* Plain DPO takes the language pairs of a pack that has all types. */
static void test_unused_types(void **state)
{
    (void)state;
    double policy[2] = {-1, -2}, reference[2] = {-2, -2}, slope[2] = {0};
    const struct objective_side side = {policy, reference, NULL, slope, 2};
    const struct objective_pair anchor = {.type = PAIR_ANCHOR, .chosen = side};
    const struct objective *o = objective_find("sigmoid");
    struct terms terms = {0};
    objective_add(o, &o->defaults, 1, &anchor, &terms);
    assert_true(terms.total == 0 && slope[0] == 0);
    objective_add(objective_find("paper"), &objective_find("paper")->defaults, 1, &anchor, &terms);
    assert_true(terms.total > 0 && slope[0] < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_scales),
                                       cmocka_unit_test(test_unused_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
