/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "objective/sft.h"

static void test_mean(void **state)
{
    (void)state;
    const double a[] = {-1, -2.5, -0.25}, b[] = {-4};
    double slope[3];
    const double loss = sft_add(slope, a, 3, 0.25) + sft_add(slope + 2, b, 1, 0.25);
    assert_close("loss", loss, 7.75 / 4, 1e-15);
    for (int i = 0; i < 3; i++)
        assert_close("slope", slope[i], -0.25, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
