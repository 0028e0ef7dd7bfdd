/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/helper.h"

#include "optimiser.h"

static struct trainer trainer;
static ops_context *context;

static int open_context(void **state)
{
    (void)state;
    if (ops_context_new(&context, 2) != 0)
        return -1;
    trainer.ops = context;
    return 0;
}

static int close_context(void **state)
{
    (void)state;
    ops_context_free(context);
    return 0;
}

/* torch 2.13, torch.optim.AdamW(lr, weight_decay=.01, foreach=False) behind clip_grad_norm_(1.0), with lr 0 first. */
static void test_torch(void **state)
{
    (void)state;
    static const float gradients[4][4] = {
        {.1f, -.2f, 3e-5f, 4}, {0, .5f, -2e-5f, -1}, {-.3f, 0, 1e-9f, .25f}, {2, -1, 1e-5f, .125f}};
    static const double rates[4] = {0, 1e-3, 7.5e-4, 2.5e-4};
    static const double norms[4] = {4.006245136260986, 1.1180340051651, 0.39051249623298645, 2.2395591735839844};
    static const float want[4][4] = {{0.5f, -0.25f, 0.00100000005f, 2},
                                     {0.499324948f, -0.250662744f, 0.00142752321f, 1.99997771f},
                                     {0.499766469f, -0.251046538f, 0.00167531043f, 1.99987352f},
                                     {0.499666363f, -0.251018256f, 0.00170863152f, 1.99983823f}};
    const struct optimiser_options options = {.9, .999, 1e-8, .01, 1, false};
    float p[4] = {.5f, -.25f, 1e-3f, 2};
    struct optimiser o;
    assert_int_equal(optimiser_init(&trainer, &o, &options, 4), OPA_OK);
    for (int step = 0; step < 4; step++) {
        const double norm = optimiser_norm(&o, gradients[step]);
        ASSERT_NEAR(norm, norms[step], 1e-6);
        optimiser_step(&o, p, gradients[step], norm, rates[step]);
        for (int i = 0; i < 4; i++)
            ASSERT_NEAR(p[i], want[step][i], 2e-7 * fabs((double)want[step][i]));
    }
    optimiser_release(&o);
}

/* The formula of the header in double precision, odd sizes, with and without clipping. */
static void test_twin(void **state)
{
    (void)state;
    const size_t n = 1 + rng_below(300);
    const struct optimiser_options options = {.9, .95, 1e-8, .1, rng_below(2) ? .5 : 0, false};
    float *p = floats(n, 1);
    double *q = remember(n * sizeof *q), *m = remember(n * sizeof *m), *v = remember(n * sizeof *v);
    struct optimiser o;
    assert_int_equal(optimiser_init(&trainer, &o, &options, n), OPA_OK);
    for (size_t i = 0; i < n; i++) {
        q[i] = p[i];
        m[i] = v[i] = 0;
    }
    for (int step = 1; step <= 8; step++) {
        const double rate = 1e-2 / step;
        float *g = floats(n, 1);
        const double norm = optimiser_norm(&o, g), clip = options.clip > 0 ? fmin(1, options.clip / (norm + 1e-6)) : 1;
        optimiser_step(&o, p, g, norm, rate);
        for (size_t i = 0; i < n; i++) {
            const double x = g[i] * clip;
            m[i] += .1 * (x - m[i]);
            v[i] = .95 * v[i] + .05 * x * x;
            q[i] -= rate * .1 * q[i];
            q[i] -= rate / (1 - pow(.9, step)) * m[i] / (sqrt(v[i]) / sqrt(1 - pow(.95, step)) + 1e-8);
            ASSERT_NEAR(p[i], q[i], 1e-5);
        }
    }
    optimiser_release(&o);
    forget();
}

/* Moments of 16 bits follow those of 32: many small steps do not get lost in rounding. */
static void test_bf16(void **state)
{
    (void)state;
    enum { N = 2000, STEPS = 1500 };
    struct optimiser o[2];
    struct optimiser_options options = {.9, .999, 1e-8, 0, 0, false};
    float *p[2] = {floats(N, 0), floats(N, 0)}, *g = floats(N, 1);
    for (int k = 0; k < 2; k++) {
        options.bf16_moments = k == 1;
        assert_int_equal(optimiser_init(&trainer, &o[k], &options, N), OPA_OK);
    }
    assert_int_equal(optimiser_moment_bytes(&o[1]) * 2, optimiser_moment_bytes(&o[0]));
    double moved = 0, apart = 0;
    for (int step = 0; step < STEPS; step++) {
        const float fade = step < STEPS / 3 ? 1 : .05f; /* v has to fall behind a large beginning */
        for (size_t i = 0; i < N; i++)
            g[i] = fade * (1 + rng_float(.5f));
        for (int k = 0; k < 2; k++)
            optimiser_step(&o[k], p[k], g, 0, 1e-3);
    }
    for (size_t i = 0; i < N; i++) {
        moved += fabs((double)p[0][i]);
        apart += fabs((double)p[1][i] - (double)p[0][i]);
    }
    assert_true(moved > .3 * N);
    ASSERT_NEAR(apart / moved, 0, .01);
    for (int k = 0; k < 2; k++)
        optimiser_release(&o[k]);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_torch), cmocka_unit_test_setup(test_twin, seed_setup),
                                       cmocka_unit_test_setup(test_bf16, seed_setup)};
    return cmocka_run_group_tests(tests, open_context, close_context);
}
