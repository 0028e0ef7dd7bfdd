/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts and factors on every processor with float32 operands; with bf16 where the processor has it. */
#include "helper.h"

#include "ops/context.h"
#include "ops/gemm.h"
#include "ops/onednn.h"

/* The nearest bf16, found among its neighbours by definition. */
static double nearest_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    const uint16_t around[2] = {(uint16_t)(u >> 16), (uint16_t)((u >> 16) + 1)};
    const double low = decode(OPS_BF16, around, 0), high = decode(OPS_BF16, around, 1);
    const double to_low = fabs(f - low), to_high = fabs(high - f);
    return to_low < to_high || (to_low == to_high && around[0] % 2 == 0) ? low : high;
}

static void rounding(const ops_context *ctx)
{
    for (int i = 0; i < 100000; i++) {
        uint32_t u = (uint32_t)rng_next();
        if (i % 3 == 0)
            u = (u & 0xFFFF0000u) | 0x8000; /* a tie */
        float f;
        uint16_t got;
        memcpy(&f, &u, 4);
        ctx->simd->to_bf16(&got, &f, 1);
        if (isnan(f))
            assert_true(isnan(decode(OPS_BF16, &got, 0)));
        else if ((u & 0x7F800000) < 0x7F000000)
            assert_true(decode(OPS_BF16, &got, 0) == nearest_bf16(f));
    }
}

static void check(const ops_context *ctx, ops_dtype dtype, bool trans, float alpha, float beta)
{
    const size_t m = 1 + rng_below(60), n = 1 + rng_below(60), k = 1 + rng_below(90), ldc = n + rng_below(4);
    const ops_matrix a = matrix(OPS_F32, m, k, rng_below(4));
    const ops_matrix b = trans ? matrix(dtype, n, k, rng_below(4)) : matrix(dtype, k, n, rng_below(4));
    float *before = floats(m * ldc, 1), *c = remember(m * ldc * sizeof *c);
    memcpy(c, before, m * ldc * sizeof *c);
    ops_onednn *dnn = ops_onednn_new();
    assert_non_null(dnn);
    assert_true(ops_onednn_product(dnn, ctx, c, ldc, a, b, trans, alpha, beta));
    ops_onednn_free(dnn);
    for (size_t i = 0; i < m * ldc; i++) {
        double sum = 0;
        for (size_t l = 0; i % ldc < n && l < k; l++) {
            const float x = (float)element(&a, i / ldc, l);
            sum +=
                (dtype == OPS_BF16 ? nearest_bf16(x) : x) * (trans ? element(&b, i % ldc, l) : element(&b, l, i % ldc));
        }
        ASSERT_NEAR(c[i], i % ldc < n ? alpha * sum + beta * (double)before[i] : before[i], 2e-5);
    }
    forget();
}

static void products(const ops_context *ctx)
{
    for (int round = 0; round < 20; round++)
        for (int d = OPS_F32; d <= (ops_onednn_has_bf16() ? OPS_BF16 : OPS_F32); d++)
            check(ctx, (ops_dtype)d, round % 2, round % 3 ? 1 : -0.5f, (float)(round % 4) / 2);
}

static void test_rounding(void **state)
{
    (void)state;
    each_context(rounding);
}

static void test_products(void **state)
{
    (void)state;
    print_message("bf16 in hardware: %s\n", ops_onednn_has_bf16() ? "yes" : "no");
    each_context(products);
}

/* What cannot be done in bf16 is done in float32, with the same bits as before. */
static void test_allowed(void **state)
{
    (void)state;
    ops_context *ctx;
    assert_int_equal(ops_context_new(&ctx, 2), 0);
    const ops_matrix x = matrix(OPS_F32, 40, 64, 0), w = matrix(OPS_BF16, 50, 64, 0);
    float *y = floats(40 * 50, 1), *z = floats(40 * 50, 1);
    ops_linear_forward(ctx, y, x, w, NULL, 1, 0);
    const bool on = ops_context_allow_bf16(ctx, true);
    assert_int_equal(on, ops_onednn_has_bf16());
    ops_linear_forward(ctx, z, x, w, NULL, 1, 0);
    for (size_t i = 0; i < 40 * 50; i++)
        ASSERT_NEAR(z[i], y[i], on ? 0.1 : 0);
    assert_false(ops_context_allow_bf16(ctx, false));
    ops_linear_forward(ctx, z, x, w, NULL, 1, 0);
    assert_memory_equal(y, z, 40 * 50 * sizeof *y);
    ops_context_free(ctx);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rounding, seed_setup),
        cmocka_unit_test_setup(test_products, seed_setup),
        cmocka_unit_test_setup(test_allowed, seed_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
