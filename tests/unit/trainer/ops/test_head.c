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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_logp, seed_setup),
        cmocka_unit_test_setup(test_log_softmax, seed_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
