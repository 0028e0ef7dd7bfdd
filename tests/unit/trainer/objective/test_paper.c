/* SPDX-License-Identifier: Apache-2.0 */
#include "opa.h"

static void test_stored(void **state)
{
    (void)state;
    opa_check_all("paper");
}

static void test_differences(void **state)
{
    (void)state;
    opa_check_slopes("paper");
}

static void test_odd_values(void **state)
{
    (void)state;
    opa_check_odd("paper");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stored), cmocka_unit_test(test_differences),
                                       cmocka_unit_test(test_odd_values)};
    return cmocka_run_group_tests(tests, open_losses, close_losses);
}
