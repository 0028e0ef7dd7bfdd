/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "ops/cpu.h"

static void test_describe(void **state)
{
    (void)state;
    ops_cpu cpu;
    ops_cpu_describe(&cpu);
    print_message("%s; %s; %d processors; caches %zu %zu %zu\n", cpu.name, cpu.features, cpu.processors, cpu.l1d,
                  cpu.l2, cpu.l3);
    assert_true(cpu.processors >= 1);
    assert_true(cpu.name[0] != '\0' && cpu.name[0] != ' ' && !strchr(cpu.name, '\n'));
    /* the kernel's word and the processor's */
    if (cpu.features[0]) {
        assert_int_equal(strstr(cpu.features, "avx2") != NULL, ops_cpu_has_avx2());
        assert_true(!ops_cpu_has_avx512() || strstr(cpu.features, "avx512f"));
    }
    if (cpu.l1d && cpu.l2)
        assert_true(cpu.l1d < cpu.l2);
}

/* Speeds that no machine that runs this falls out of. */
static void test_measure(void **state)
{
    (void)state;
    ops_context *ctx;
    ops_speed speed;
    assert_int_equal(ops_context_new(&ctx, 0), 0);
    assert_int_equal(ops_cpu_measure(ctx, &speed), 0);
    print_message("%.0f GFLOP/s f32, %.0f bf16, %.1f GB/s\n", speed.gemm_f32, speed.gemm_bf16, speed.memory);
    assert_true(speed.gemm_f32 > 0.1 && speed.gemm_f32 < 1e6);
    assert_true(speed.gemm_bf16 > 0.1 && speed.gemm_bf16 < 1e6);
    assert_true(speed.memory > 0.05 && speed.memory < 1e5);
    ops_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_describe), cmocka_unit_test(test_measure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
