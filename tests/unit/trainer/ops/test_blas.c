/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "ops/blas.h"
#include "ops/cpu.h"

static void test_better_core(void **state)
{
    (void)state;
    assert_null(ops_blas_better_core("SkylakeX", true, true));
    assert_null(ops_blas_better_core("Cooperlake", true, true));
    assert_null(ops_blas_better_core("Zen", true, false));
    assert_null(ops_blas_better_core("Haswell", true, false));
    assert_null(ops_blas_better_core("Prescott", false, false));
    assert_string_equal(ops_blas_better_core("Haswell", true, true), "SkylakeX"); /* 0.3.21 on Zen 5 */
    assert_string_equal(ops_blas_better_core("Zen", true, true), "SkylakeX");
    assert_string_equal(ops_blas_better_core("Prescott", true, false), "Haswell");
}

/* The core that runs is one that needs no better, unless somebody asked for it. */
static void test_names(void **state)
{
    (void)state;
    print_message("%s, core %s\n", ops_blas_config(), ops_blas_core());
    assert_int_equal(strncmp(ops_blas_config(), "OpenBLAS ", 9), 0);
    assert_true(strlen(ops_blas_core()) > 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    ops_blas_choose_core(argv);
    if (!getenv("OPENBLAS_CORETYPE"))
        if (ops_blas_better_core(ops_blas_core(), ops_cpu_has_avx2(), ops_cpu_has_avx512()))
            return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_better_core),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
