/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "ops/norm.h"

static void check(const ops_context *ctx, size_t tokens, size_t width, float shift, bool in_place)
{
    const float eps = 1e-5f;
    float *x = floats(tokens * width, 2), *weight = floats(width, 1), *bias = floats(width, 1);
    float *rms = floats(tokens * width, 1), *layer = floats(tokens * width, 1), *r = floats(tokens, 1);
    float *mean = floats(tokens, 1), *rstd = floats(tokens, 1);
    for (size_t i = 0; i < tokens * width; i++)
        x[i] += shift;
    memcpy(rms, x, tokens * width * sizeof *x);
    memcpy(layer, x, tokens * width * sizeof *x);
    ops_rmsnorm_forward(ctx, rms, r, in_place ? rms : x, weight, tokens, width, eps);
    ops_layernorm_forward(ctx, layer, mean, rstd, in_place ? layer : x, weight, bias, tokens, width, eps);
    for (size_t t = 0; t < tokens; t++) {
        double sum = 0, squares = 0, variance = 0;
        for (size_t i = 0; i < width; i++) {
            sum += x[t * width + i];
            squares += (double)x[t * width + i] * x[t * width + i];
        }
        for (size_t i = 0; i < width; i++)
            variance += pow(x[t * width + i] - sum / (double)width, 2) / (double)width;
        const double by_rms = 1 / sqrt(squares / (double)width + eps), by_std = 1 / sqrt(variance + eps);
        ASSERT_NEAR(r[t], by_rms, 1e-6 * by_rms);
        ASSERT_NEAR(mean[t], sum / (double)width, 1e-6 * (1 + fabsf(shift)));
        ASSERT_NEAR(rstd[t], by_std, 2e-6 * by_std);
        for (size_t i = 0; i < width; i++) {
            const double v = x[t * width + i];
            ASSERT_NEAR(rms[t * width + i], v * by_rms * weight[i], 2e-6 * (1 + fabs(v * by_rms)));
            ASSERT_NEAR(layer[t * width + i], (v - sum / (double)width) * by_std * weight[i] + bias[i],
                        2e-6 * (1 + fabsf(shift)) * (1 + by_std));
        }
    }
    forget();
}

static void sizes(const ops_context *ctx)
{
    for (int round = 0; round < 20; round++)
        check(ctx, 1 + rng_below(9), 2 + rng_below(100), round % 5 == 4 ? 10 : 0, round % 2);
    check(ctx, 37, 4099, 0, false); /* several threads */
}

static void test_norms(void **state)
{
    (void)state;
    each_context(sizes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_norms, seed_setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
