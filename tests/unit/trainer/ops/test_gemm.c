/* SPDX-License-Identifier: Apache-2.0 */
/* Every form, type and size class against a triple loop in double precision. */
#include "helper.h"

#include "ops/gemm.h"

typedef enum form { NT, NN, TN } form;

static double gemm_naive(form f, const ops_matrix *a, const ops_matrix *b, size_t i, size_t j, size_t k)
{
    double total = 0;
    for (size_t l = 0; l < k; l++)
        total += (f == TN ? element(a, l, i) : element(a, i, l)) * (f == NT ? element(b, j, l) : element(b, l, j));
    return total;
}

static void check(const ops_context *ctx, form f, ops_dtype dtype, size_t m, size_t n, size_t k, float alpha,
                  float beta)
{
    const size_t ldc = n + rng_below(5);
    const ops_matrix a = f == TN ? matrix(OPS_F32, k, m, rng_below(4)) : matrix(OPS_F32, m, k, rng_below(4));
    const ops_matrix b = f == NT ? matrix(dtype, n, k, rng_below(4)) : matrix(dtype, k, n, rng_below(4));
    float *before = floats(m * ldc, 1), *c = remember(m * ldc * sizeof *c);
    if (beta == 0) /* must not be read */
        for (size_t i = 0; i < m * ldc; i++)
            before[i] = NAN;
    memcpy(c, before, m * ldc * sizeof *c);
    void (*const run[])(const ops_context *, float *, size_t, ops_matrix, ops_matrix, float,
                        float) = {ops_gemm_nt, ops_gemm_nn, ops_gemm_tn};
    run[f](ctx, c, ldc, a, b, alpha, beta);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            const double want =
                alpha * gemm_naive(f, &a, &b, i, j, k) + (beta == 0 ? 0 : beta * (double)before[i * ldc + j]);
            ASSERT_NEAR(c[i * ldc + j], want, 5e-7 * (1 + fabsf(alpha)) * (8 + sqrt((double)k)));
        }
        assert_memory_equal(c + i * ldc + n, before + i * ldc + n, (ldc - n) * sizeof *c);
    }
    forget();
}

static const ops_dtype dtypes[] = {OPS_F32, OPS_BF16, OPS_F16};

static void few_rows(const ops_context *ctx)
{
    for (size_t m = 1; m <= 9; m++)
        for (int d = 0; d < 3; d++) {
            check(ctx, NT, dtypes[d], m, 1 + rng_below(40), 1 + rng_below(70), 1, 0);
            check(ctx, NT, dtypes[d], m, 1 + rng_below(40), 1 + rng_below(70), -0.75f, 1);
            check(ctx, NT, dtypes[d], m, 1 + rng_below(700), 1 + rng_below(300), 2, 0.5f);
        }
}

static void many_rows(const ops_context *ctx)
{
    for (int f = NT; f <= TN; f++)
        for (int d = 0; d < (f == TN ? 1 : 3); d++) {
            check(ctx, (form)f, dtypes[d], 1 + rng_below(90), 1 + rng_below(90), 1 + rng_below(90), 1, 0);
            check(ctx, (form)f, dtypes[d], 60 + rng_below(40), 1 + rng_below(90), 1 + rng_below(90), 0.25f, 1);
        }
}

/* Several tiles and panels. */
static void wide(const ops_context *ctx)
{
    for (int f = NT; f <= TN; f++)
        for (int d = 0; d < (f == TN ? 1 : 3); d++) {
            check(ctx, (form)f, dtypes[d], 67, 513 + rng_below(600), 40 + rng_below(20), 1, 1);
            check(ctx, (form)f, dtypes[d], 65 + rng_below(9), 30 + rng_below(9), 1025 + rng_below(100), 1, 0.5f);
        }
}

static void test_few_rows(void **state)
{
    (void)state;
    each_context(few_rows);
}

static void test_many_rows(void **state)
{
    (void)state;
    each_context(many_rows);
    each_context(wide);
}

/* Weights that lie in a file begin at any address that their element's size divides. */
static void unaligned(const ops_context *ctx)
{
    for (int d = 1; d < 3; d++)
        for (size_t m = 1; m <= 70; m += 69) {
            ops_matrix w = matrix(dtypes[d], 21, 51, 2);
            const size_t bytes = (21 * 53 - 2) * 2;
            for (size_t shift = 0; shift <= 6; shift += 2) {
                char *moved = remember(bytes + shift);
                memcpy(moved + shift, w.data, bytes);
                ops_matrix at = w, x = matrix(OPS_F32, m, 51, 0);
                at.data = moved + shift;
                float *y = floats(m * 21, 1), *z = floats(m * 21, 1);
                ops_linear_forward(ctx, y, x, w, NULL, 1, 0);
                ops_linear_forward(ctx, z, x, at, NULL, 1, 0);
                assert_memory_equal(y, z, m * 21 * sizeof *y);
            }
            forget();
        }
}

static void linear(const ops_context *ctx)
{
    for (size_t m = 1; m <= 80; m += 7) {
        const ops_matrix x = matrix(OPS_F32, m, 37, 3), w = matrix(OPS_BF16, 45, 37, 0);
        const float *bias = floats(45, 1), *residual = floats(m * 45, 1);
        float *y = remember(m * 45 * sizeof *y);
        memcpy(y, residual, m * 45 * sizeof *y);
        ops_linear_forward(ctx, y, x, w, bias, 0.5f, 1);
        for (size_t i = 0; i < m * 45; i++)
            ASSERT_NEAR(y[i], residual[i] + bias[i % 45] + 0.5 * gemm_naive(NT, &x, &w, i / 45, i % 45, 37), 3e-6);
        forget();
    }
}

static void test_linear(void **state)
{
    (void)state;
    each_context(linear);
    each_context(unaligned);
}

/* A product does not depend on the time of day: the same bits again and again. */
static void repeat(const ops_context *ctx)
{
    const ops_matrix x = matrix(OPS_F32, 70, 600, 0), w = matrix(OPS_BF16, 1300, 600, 0);
    float *y = floats(70 * 1300, 1), *z = floats(70 * 1300, 1);
    ops_linear_forward(ctx, y, x, w, NULL, 1, 0);
    for (int round = 0; round < 5; round++) {
        ops_linear_forward(ctx, z, x, w, NULL, 1, 0);
        assert_memory_equal(y, z, 70 * 1300 * sizeof *y);
    }
    forget();
}

static void test_repeat(void **state)
{
    (void)state;
    each_context(repeat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_few_rows, seed_setup),
        cmocka_unit_test_setup(test_many_rows, seed_setup),
        cmocka_unit_test_setup(test_linear, seed_setup),
        cmocka_unit_test_setup(test_repeat, seed_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
