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

/* ---- backward ---- */

/* Norm of a row in double precision; the mean is 0 for RMSNorm. */
static void norm_naive(double *out, const double *x, const float *weight, size_t n, double eps, bool layer)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n && layer; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        out[i] = (x[i] - mean) / sqrt(squares + eps) * weight[i];
}

/* sum of dy * norm(x), whose slopes are asked for. */
static double norm_loss(const double *x, const float *dy, const float *weight, size_t n, double eps, bool layer)
{
    double out[200], sum = 0;
    norm_naive(out, x, weight, n, eps, layer);
    for (size_t i = 0; i < n; i++)
        sum += dy[i] * out[i];
    return sum;
}

static void check_backward(const ops_context *ctx, size_t tokens, size_t width, bool layer)
{
    const float eps = 1e-5f;
    const float *x = floats(tokens * width, 2), *weight = floats(width, 1), *dy = floats(tokens * width, 1);
    float *out = floats(tokens * width, 1), *dx = floats(tokens * width, 1), *before = floats(tokens * width, 1);
    float *mean = floats(tokens, 1), *r = floats(tokens, 1), *zero = floats(width, 0);
    memcpy(before, dx, tokens * width * sizeof *dx);
    if (layer) {
        ops_layernorm_forward(ctx, out, mean, r, x, weight, zero, tokens, width, eps);
        ops_layernorm_backward(ctx, dx, dy, x, weight, mean, r, tokens, width);
    } else {
        ops_rmsnorm_forward(ctx, out, r, x, weight, tokens, width, eps);
        ops_rmsnorm_backward(ctx, dx, dy, x, weight, r, tokens, width);
    }
    for (size_t t = 0; t < tokens; t++) {
        double row[200], h = 1e-5;
        for (size_t i = 0; i < width; i++)
            row[i] = x[t * width + i];
        for (size_t i = 0; i < width; i++) {
            const double at = row[i];
            row[i] = at + h;
            const double up = norm_loss(row, dy + t * width, weight, width, eps, layer);
            row[i] = at - h;
            const double slope = (up - norm_loss(row, dy + t * width, weight, width, eps, layer)) / (2 * h);
            row[i] = at;
            ASSERT_NEAR(dx[t * width + i] - before[t * width + i], slope, 1e-5 * (1 + fabs(slope) + r[t]));
        }
    }
    forget();
}

static void backward_sizes(const ops_context *ctx)
{
    for (int round = 0; round < 12; round++)
        check_backward(ctx, 1 + rng_below(9), 3 + rng_below(100), round % 2);
    check_backward(ctx, 230, 150, true); /* several threads */
    check_backward(ctx, 230, 150, false);
}

static void test_backward(void **state)
{
    (void)state;
    each_context(backward_sizes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_norms, seed_setup),
        cmocka_unit_test_setup(test_backward, seed_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
