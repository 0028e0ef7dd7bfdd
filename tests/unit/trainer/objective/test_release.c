/* SPDX-License-Identifier: Apache-2.0 */
#include "opa.h"

static void test_stored(void **state)
{
    (void)state;
    opa_check_all("release");
}

static void test_differences(void **state)
{
    (void)state;
    opa_check_slopes("release");
}

/* Where the policy is the reference nothing but padding-like positions is left: 6.4 log 2, whatever the lengths. */
static void test_at_reference(void **state)
{
    (void)state;
    static struct opa s;
    const struct objective *o = objective_find("release");
    struct terms terms = {0};
    opa_read(&s, nth(opa_json_get(opa_json_root(losses.doc), "opa"), 3), 0);
    for (int v = 0; v < VIEWS; v++)
        memset(s.d[v].x, 0, sizeof s.d[v].x);
    opa_add("release", &o->defaults, objective_scale(o, &o->defaults, (struct objective_counts){.samples = 1}), &s,
            &terms);
    assert_close("total", terms.total, 6.4 * log(2), 1e-14);
}

/* The plain form: both sides padded with zeros to the end, every position computed. */
static void test_padding(void **state)
{
    (void)state;
    static struct opa s, padded;
    const struct coefficients c = objective_find("release")->defaults;
    struct terms terms = {0}, plain = {0};
    opa_read(&s, nth(opa_json_get(opa_json_root(losses.doc), "opa"), 4), 1);
    padded = s;
    for (int v = 0; v < VIEWS; v++)
        padded.d[v].count = 896;
    opa_add("release", &c, 1, &s, &terms);
    opa_add("release", &c, 1, &padded, &plain);
    assert_close("total", terms.total, plain.total, 1e-13);
    for (int v = 0; v < VIEWS; v++) {
        for (size_t t = 0; t < s.d[v].count; t++)
            assert_close(views[v], s.slope[v][t], padded.slope[v][t], 1e-13);
    }
}

static void test_odd_values(void **state)
{
    (void)state;
    opa_check_odd("release");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stored), cmocka_unit_test(test_differences),
                                       cmocka_unit_test(test_odd_values), cmocka_unit_test(test_at_reference),
                                       cmocka_unit_test(test_padding)};
    return cmocka_run_group_tests(tests, open_losses, close_losses);
}
