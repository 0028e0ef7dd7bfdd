/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "ops/head.h"

/* log-sum-exp of a row's logits, and the logit of @p target. */
static double lse_naive(double *logit, const ops_matrix *x, const ops_matrix *w, size_t row, size_t target)
{
    double most = -INFINITY, total = 0;
    double *all = malloc(w->rows * sizeof *all);
    assert_non_null(all);
    for (size_t j = 0; j < w->rows; j++) {
        all[j] = 0;
        for (size_t l = 0; l < w->cols; l++)
            all[j] += element(x, row, l) * element(w, j, l);
        most = all[j] > most ? all[j] : most;
    }
    for (size_t j = 0; j < w->rows; j++)
        total += exp(all[j] - most);
    *logit = all[target];
    free(all);
    return most + log(total);
}

static void check(const ops_context *ctx, ops_dtype dtype, size_t rows, size_t width, size_t vocabulary)
{
    const ops_matrix x = matrix(OPS_F32, rows, width, rng_below(4)), w = matrix(dtype, vocabulary, width, 0);
    int32_t *targets = remember(rows * sizeof *targets);
    float *logp = floats(rows, 1), *lse = floats(rows, 1);
    for (size_t i = 0; i < rows; i++)
        targets[i] = (int32_t)(i == 0 ? 0 : i == 1 ? vocabulary - 1 : rng_below(vocabulary));
    ops_head_logp_forward(ctx, logp, lse, x, w, targets);
    for (size_t i = 0; i < rows; i++) {
        double logit;
        const double want = lse_naive(&logit, &x, &w, i, (size_t)targets[i]);
        ASSERT_NEAR(lse[i], want, 1e-5);
        ASSERT_NEAR(logp[i], logit - want, 2e-5);
    }
    forget();
}

/* w[target] - sum of softmax * w, for all of a row. */
static void slope_naive(double *out, const ops_matrix *x, const ops_matrix *w, size_t row, size_t target, double lse)
{
    for (size_t l = 0; l < w->cols; l++)
        out[l] = element(w, target, l);
    for (size_t j = 0; j < w->rows; j++) {
        double logit = 0;
        for (size_t l = 0; l < w->cols; l++)
            logit += element(x, row, l) * element(w, j, l);
        for (size_t l = 0; l < w->cols; l++)
            out[l] -= exp(logit - lse) * element(w, j, l);
    }
}

static void check_slope(const ops_context *ctx, ops_dtype dtype, size_t rows, size_t width, size_t vocabulary,
                        float spread)
{
    ops_matrix x = matrix(OPS_F32, rows, width, rng_below(4)), w = matrix(dtype, vocabulary, width, 0);
    int32_t *targets = remember(rows * sizeof *targets);
    float *logp = floats(rows, 1), *dx = floats(rows * width, 1), *steep = floats(rows * width, spread);
    double want[80], logit;
    if (spread > 0)
        x = ops_rows(steep, rows, width);
    for (size_t i = 0; i < rows; i++)
        targets[i] = (int32_t)(i == 0 ? 0 : i == 1 ? vocabulary - 1 : rng_below(vocabulary));
    ops_head_logp_gradient(ctx, logp, dx, x, w, targets);
    for (size_t i = 0; i < rows; i++) {
        const double lse = lse_naive(&logit, &x, &w, i, (size_t)targets[i]);
        ASSERT_NEAR(logp[i], logit - lse, 2e-5 * (1 + spread));
        slope_naive(want, &x, &w, i, (size_t)targets[i], lse);
        for (size_t l = 0; l < width; l++)
            ASSERT_NEAR(dx[i * width + l], want[l], 1e-5 * (1 + spread));
    }
    forget();
}

/* By finite differences of the log-prob itself. */
static void check_differences(const ops_context *ctx)
{
    const size_t width = 1 + rng_below(40), vocabulary = 2 + rng_below(5000);
    const ops_matrix w = matrix(OPS_F32, vocabulary, width, 0);
    float *x = floats(width, 1), logp, *dx = floats(width, 1);
    const int32_t target = (int32_t)rng_below(vocabulary);
    const ops_matrix row = ops_rows(x, 1, width);
    ops_head_logp_gradient(ctx, &logp, dx, row, w, &target);
    for (size_t l = 0; l < width; l++) {
        const float at = x[l], h = 0x1p-10f;
        double up, down;
        x[l] = at + h;
        const double lse_up = lse_naive(&up, &row, &w, 0, (size_t)target);
        x[l] = at - h;
        const double lse_down = lse_naive(&down, &row, &w, 0, (size_t)target);
        x[l] = at;
        ASSERT_NEAR(dx[l], (up - lse_up - (down - lse_down)) / (2 * (double)h), 2e-5);
    }
    forget();
}

static void slopes(const ops_context *ctx)
{
    for (int d = OPS_F32; d <= OPS_F16; d++) {
        check_slope(ctx, (ops_dtype)d, 1 + rng_below(40), 1 + rng_below(70), 1 + rng_below(400), 0);
        check_slope(ctx, (ops_dtype)d, 3, 33, 4096 + rng_below(2), 0);
        check_slope(ctx, (ops_dtype)d, 2, 20, 9000, 0);
        check_slope(ctx, (ops_dtype)d, 257 + rng_below(30), 9, 50, 0);
    }
    check_slope(ctx, OPS_F32, 30, 20, 13000, 20); /* maxima move from chunk to chunk */
    check_differences(ctx);
}

/* Chunks of words and of rows, whole and not. */
static void sizes(const ops_context *ctx)
{
    for (int d = OPS_F32; d <= OPS_F16; d++) {
        check(ctx, (ops_dtype)d, 1 + rng_below(40), 1 + rng_below(70), 1 + rng_below(400));
        check(ctx, (ops_dtype)d, 3, 33, 4096 + rng_below(2));
        check(ctx, (ops_dtype)d, 2, 20, 9000);
        check(ctx, (ops_dtype)d, 257 + rng_below(30), 9, 50);
    }
}

static void log_softmax(const ops_context *ctx)
{
    for (int round = 0; round < 10; round++) {
        const size_t rows = 1 + rng_below(5), width = 1 + rng_below(20000);
        float *x = floats(rows * width, 20), *before = remember(rows * width * sizeof *x);
        memcpy(before, x, rows * width * sizeof *x);
        ops_log_softmax_forward(ctx, x, rows, width);
        for (size_t i = 0; i < rows; i++) {
            double total = 0;
            for (size_t j = 0; j < width; j++)
                total += exp((double)before[i * width + j]);
            for (size_t j = 0; j < width; j++)
                ASSERT_NEAR(x[i * width + j], before[i * width + j] - log(total), 1e-5);
        }
        forget();
    }
}

static void test_logp(void **state)
{
    (void)state;
    each_context(sizes);
}

static void test_log_softmax(void **state)
{
    (void)state;
    each_context(log_softmax);
}

static void test_slopes(void **state)
{
    (void)state;
    each_context(slopes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_logp, seed_setup),
        cmocka_unit_test_setup(test_log_softmax, seed_setup),
        cmocka_unit_test_setup(test_slopes, seed_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
