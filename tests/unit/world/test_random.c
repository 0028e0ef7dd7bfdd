/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* The reference implementation's first values from state 0 (Vigna, splitmix64.c). */
static void test_splitmix(void **state)
{
    (void)state;
    struct random r = {0};
    assert_true(random_next(&r) == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(random_next(&r) == UINT64_C(0x6E789E6AA1B965F4));
    assert_true(random_next(&r) == UINT64_C(0x06C45D188009454F));
}

static void test_streams_differ(void **state)
{
    (void)state;
    struct random all[] = {random_for(1, 2, STREAM_SCENE, 0), random_for(2, 1, STREAM_SCENE, 0),
                           random_for(1, 2, STREAM_PICTURE, 0), random_for(1, 2, STREAM_SCENE, 1)};
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < i; j++)
            assert_true(all[i].state != all[j].state);
    }
}

/* Mean 0 and variance 1 within five standard errors. */
static void test_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct random r = random_for(3, 0, STREAM_SCENE, 0);
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        const double x = random_normal(&r) / (double)NORMAL_ONE;
        assert_true(x > -3.5 && x < 3.5);
        sum += x;
        squares += x * x;
    }
    assert_near(sum / N, 0, 5 / 447.);
    assert_near(squares / N, 1, 5 * 1.2 / 447.);
}

static void test_draws(void **state)
{
    (void)state;
    static const int weights[] = {0, 3, 0, 1}, none[] = {0, 0};
    struct random r = random_for(4, 0, STREAM_SCENE, 0);
    int count[4] = {0}, yes = 0;
    for (int i = 0; i < 40000; i++) {
        count[random_weighted(&r, weights, 4)]++;
        yes += random_chance(&r, 30);
        const int n = random_below(&r, 7);
        assert_true(0 <= n && n < 7);
    }
    assert_int_equal(count[0] + count[2], 0);
    assert_near(count[1] / 40000., .75, .011);
    assert_near(yes / 40000., .3, .012);
    assert_int_equal(random_weighted(&r, none, 2), -1);
    assert_true(random_chance(&r, 100) && !random_chance(&r, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_splitmix), cmocka_unit_test(test_streams_differ),
                                       cmocka_unit_test(test_normal), cmocka_unit_test(test_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
