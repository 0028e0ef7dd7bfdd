/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "ops/activation.h"

static double activation_naive(ops_activation f, double x)
{
    switch (f) {
    case OPS_GELU:
        return x * 0.5 * (1 + erf(x / sqrt(2)));
    case OPS_GELU_TANH:
        return x * 0.5 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case OPS_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case OPS_SILU:
        return x / (1 + exp(-x));
    case OPS_RELU:
        return x > 0 ? x : 0;
    default:
        return x;
    }
}

static void check(const ops_context *ctx, ops_activation f, const float *values, size_t rows, size_t width, bool biased)
{
    const float *bias = biased ? floats(width, 2) : NULL;
    float *x = remember(rows * width * sizeof *x);
    memcpy(x, values, rows * width * sizeof *x);
    ops_activation_forward(ctx, x, bias, rows, width, f);
    for (size_t i = 0; i < rows * width; i++) {
        const double in = biased ? values[i] + bias[i % width] : values[i]; /* rounded once, as the kernel's is */
        ASSERT_NEAR(x[i], activation_naive(f, in), 5e-7 * (1 + fabs(in)));
    }
}

/* Every function over a fine grid, far tails too, and over odd shapes with a bias. */
static void functions(const ops_context *ctx)
{
    enum { N = 40001 };
    for (int f = OPS_IDENTITY; f <= OPS_RELU; f++) {
        float *grid = remember(N * sizeof *grid);
        for (int i = 0; i < N; i++)
            grid[i] = (float)(i - N / 2) * 6e-4f;
        check(ctx, (ops_activation)f, grid, 1, N, false);
        const float tails[] = {-0.0f, 1e-30f, -1e-30f, 50, -50, 88, -88, 200, -200, 1e4f, -1e4f, 3e38f, -3e38f};
        for (size_t i = 0; i + 2 < sizeof tails / sizeof *tails; i++)
            check(ctx, (ops_activation)f, tails + i, 1, 1, false);
        for (int round = 0; round < 5; round++) {
            const size_t rows = 1 + rng_below(9), width = 1 + rng_below(70);
            check(ctx, (ops_activation)f, floats(rows * width, 4), rows, width, true);
        }
        forget();
    }
}

static void gates(const ops_context *ctx)
{
    for (int round = 0; round < 20; round++) {
        const size_t rows = 1 + rng_below(40), width = 1 + rng_below(1500), stride = 2 * width + rng_below(3);
        const float *both = floats(rows * stride, 6);
        float *out = floats(rows * width, 1);
        ops_silu_mul_forward(ctx, out, both, both + width, stride, rows, width);
        for (size_t i = 0; i < rows * width; i++) {
            const float *gate = both + i / width * stride + i % width;
            ASSERT_NEAR(out[i], activation_naive(OPS_SILU, gate[0]) * gate[width], 1e-6 * (1 + fabsf(out[i])));
        }
        forget();
    }
}

static void test_functions(void **state)
{
    (void)state;
    each_context(functions);
}

static void test_gates(void **state)
{
    (void)state;
    each_context(gates);
}

/* ---- backward ---- */

static double slope_naive(ops_activation f, double x)
{
    const double h = 1e-5;
    return (activation_naive(f, x + h) - activation_naive(f, x - h)) / (2 * h);
}

static void check_slope(const ops_context *ctx, ops_activation f, const float *x, size_t rows, size_t width)
{
    float *dx = floats(rows * width, 2), *before = remember(rows * width * sizeof *dx);
    memcpy(before, dx, rows * width * sizeof *dx);
    ops_activation_backward(ctx, dx, x, rows, width, f);
    for (size_t i = 0; i < rows * width; i++)
        if (f != OPS_RELU || fabsf(x[i]) > 1e-4f)
            ASSERT_NEAR(dx[i], before[i] * slope_naive(f, x[i]), 2e-6 * (1 + fabs((double)before[i])));
}

static void slopes(const ops_context *ctx)
{
    enum { N = 20001 };
    for (int f = OPS_IDENTITY; f <= OPS_RELU; f++) {
        float *grid = remember(N * sizeof *grid);
        for (int i = 0; i < N; i++)
            grid[i] = (float)(i - N / 2) * 1.2e-3f;
        check_slope(ctx, (ops_activation)f, grid, 1, N);
        check_slope(ctx, (ops_activation)f, floats(77 * 501, 4), 77, 501);
        const float tails[] = {50, -50, 88, -88, 200, -200, 1e4f, -1e4f};
        check_slope(ctx, (ops_activation)f, tails, 1, sizeof tails / sizeof *tails);
        forget();
    }
}

static void gate_slopes(const ops_context *ctx)
{
    for (int round = 0; round < 20; round++) {
        const size_t n = 1 + rng_below(40), width = 1 + rng_below(1500);
        const float *g = floats(n * width, 6), *u = floats(n * width, 6), *d = floats(n * width, 2);
        float *gate = floats(n * width, 1), *up = floats(n * width, 1), *out = floats(n * width, 1);
        memcpy(gate, g, n * width * sizeof *g);
        memcpy(up, u, n * width * sizeof *u);
        memcpy(out, d, n * width * sizeof *d);
        ops_silu_mul_backward(ctx, gate, up, out, n, width);
        for (size_t i = 0; i < n * width; i++) {
            const double silu = activation_naive(OPS_SILU, g[i]);
            ASSERT_NEAR(out[i], silu * u[i], 4e-6 * (1 + fabs(silu)));
            ASSERT_NEAR(gate[i], (double)d[i] * u[i] * slope_naive(OPS_SILU, g[i]), 1e-5);
            ASSERT_NEAR(up[i], d[i] * silu, 2e-6 * (1 + fabs(silu)));
        }
        forget();
    }
}

static void test_slopes(void **state)
{
    (void)state;
    each_context(slopes);
}

static void test_gate_slopes(void **state)
{
    (void)state;
    each_context(gate_slopes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_functions, seed_setup),
        cmocka_unit_test_setup(test_gates, seed_setup),
        cmocka_unit_test_setup(test_slopes, seed_setup),
        cmocka_unit_test_setup(test_gate_slopes, seed_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
