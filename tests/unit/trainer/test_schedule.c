/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/helper.h"

#include "schedule.h"

static void check(enum schedule_kind kind, int64_t warmup, int64_t total, const double *want, size_t count)
{
    const struct schedule s = {kind, 2e-5, warmup, total};
    for (size_t i = 0; i < count; i++)
        ASSERT_NEAR(schedule_rate(&s, (int64_t)i), want[i], 1e-18);
}

/* transformers 5.23, get_cosine_schedule_with_warmup and get_linear_schedule_with_warmup. */
static void test_transformers(void **state)
{
    (void)state;
    check(SCHEDULE_COSINE, 1, 4, (const double[]){0, 2e-5, 1.5e-5, 5e-6}, 4);
    check(SCHEDULE_COSINE, 5, 20,
          (const double[]){0, 4.000000000000001e-06, 8.000000000000001e-06, 1.2e-05, 1.6e-05, 2e-05,
                           1.9781476007338058e-05, 1.913545457642601e-05, 1.8090169943749477e-05,
                           1.6691306063588583e-05},
          10);
    check(SCHEDULE_LINEAR, 3, 10,
          (const double[]){0, 6.666666666666667e-06, 1.3333333333333333e-05, 2e-05, 1.7142857142857142e-05,
                           1.4285714285714287e-05},
          6);
    check(SCHEDULE_CONSTANT, 2, 4, (const double[]){0, 1e-5, 2e-5, 2e-5}, 4);
    check(SCHEDULE_COSINE, 0, 1, (const double[]){2e-5}, 1);
}

static void test_names(void **state)
{
    (void)state;
    for (enum schedule_kind k = SCHEDULE_COSINE; k <= SCHEDULE_CONSTANT; k++) {
        enum schedule_kind back;
        assert_true(schedule_parse(&back, schedule_name(k)) && back == k);
    }
    assert_false(schedule_parse(&(enum schedule_kind){0}, "cosin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transformers), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
