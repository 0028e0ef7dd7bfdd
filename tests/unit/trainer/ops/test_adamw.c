/* SPDX-License-Identifier: Apache-2.0 */
/* One step against the formula in double precision; the moments in bf16 against those in float32. */
#include "helper.h"

#include "ops/adamw.h"

static ops_adamw factors(void)
{
    return (ops_adamw){.keep = 0.999f,
                       .clip = 0.5f + rng_float(0.4f),
                       .beta1_rest = 0.1f,
                       .beta2 = 0.95f,
                       .beta2_rest = 0.05f,
                       .step = 1e-2f,
                       .root = 0.3f,
                       .epsilon = 1e-8f};
}

static float *positive(size_t n)
{
    float *x = floats(n, 1);
    for (size_t i = 0; i < n; i++)
        x[i] = fabsf(x[i]);
    return x;
}

static void check(const ops_context *ctx, size_t n)
{
    const ops_adamw f = factors();
    const float *g = floats(n, 1);
    float *p = floats(n, 1), *m = floats(n, 1), *v = positive(n);
    double *want = remember(3 * n * sizeof *want), squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)g[i] * f.clip;
        want[3 * i] = m[i] + (double)f.beta1_rest * (x - m[i]);
        want[3 * i + 1] = (double)f.beta2 * v[i] + (double)f.beta2_rest * x * x;
        want[3 * i + 2] =
            (double)f.keep * p[i] - (double)f.step * want[3 * i] / (sqrt(want[3 * i + 1]) / f.root + (double)f.epsilon);
        squares += (double)g[i] * g[i];
    }
    ops_adamw_step(ctx, p, m, v, g, n, &f);
    for (size_t i = 0; i < n; i++) {
        ASSERT_NEAR(m[i], want[3 * i], 2e-7);
        ASSERT_NEAR(v[i], want[3 * i + 1], 2e-7);
        ASSERT_NEAR(p[i], want[3 * i + 2], 5e-7);
    }
    ASSERT_NEAR(ops_square_sum(ctx, g, n), squares, 1e-12 * (1 + squares));
    forget();
}

static void sizes(const ops_context *ctx)
{
    for (int round = 0; round < 10; round++)
        check(ctx, 1 + rng_below(300));
    check(ctx, 100003); /* several pieces and threads */
}

static void test_step(void **state)
{
    (void)state;
    each_context(sizes);
}

/* bf16 beside float32: within a step of 8 bits, up about as often as down, and the same whatever the threads. */
static void halves(const ops_context *ctx)
{
    enum { N = 70001 };
    const ops_adamw f = factors();
    const float *g = floats(N, 1);
    float *p = floats(N, 1), *q = remember(N * sizeof *q), *m = remember(N * sizeof *m), *v = remember(N * sizeof *v);
    uint16_t *first = remember(2 * N), *second = remember(2 * N), *one = remember(4 * N);
    ops_context *alone;
    double up = 0;
    for (size_t i = 0; i < N; i++) {
        first[i] = second[i] = (uint16_t)(0x3F00 + rng_below(64));
        m[i] = v[i] = (float)decode(OPS_BF16, first, i);
    }
    memcpy(one, first, 2 * N);
    memcpy(one + N, second, 2 * N);
    memcpy(q, p, N * sizeof *q);
    ops_adamw_step_bf16(ctx, p, first, second, g, N, &f, 7);
    assert_int_equal(ops_context_new(&alone, 1), 0);
    float *r = remember(N * sizeof *r);
    memcpy(r, q, N * sizeof *r);
    ops_adamw_step_bf16(alone, r, one, one + N, g, N, &f, 7);
    ops_context_free(alone);
    assert_memory_equal(one, first, 2 * N);
    assert_memory_equal(one + N, second, 2 * N);
    assert_memory_equal(r, p, N * sizeof *r);
    ops_adamw_step(ctx, q, m, v, g, N, &f);
    for (size_t i = 0; i < N; i++) {
        const double got = decode(OPS_BF16, first, i), other = decode(OPS_BF16, second, i);
        ASSERT_NEAR(p[i], q[i], 0);
        ASSERT_NEAR(got, m[i], fabs((double)m[i]) / 128);
        ASSERT_NEAR(other, v[i], fabs((double)v[i]) / 128);
        up += got > m[i] ? 1 : got < m[i] ? 0 : .5;
    }
    ASSERT_NEAR(up / N, .5, .02);
    forget();
}

static void test_halves(void **state)
{
    (void)state;
    each_context(halves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_step, seed_setup),
                                       cmocka_unit_test_setup(test_halves, seed_setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
