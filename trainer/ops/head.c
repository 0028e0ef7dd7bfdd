/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/head.h"

#include <assert.h>
#include <math.h>

#include "ops/context.h"
#include "ops/gemm.h"

/* Logits that exist at a time: ROWS * WORDS floats of the shared scratch. */
#define ROWS ((size_t)256)
#define WORDS (OPS_SHARED / ROWS)

/* Log-sum-exp so far of a row: most + log(total), total in units of exp(most). */
typedef struct running {
    float most, target;
    double total;
} running;

/* One more chunk [begin, begin + n) of a row's logits. */
static void take(const ops_simd *simd, running *r, const float *logits, size_t begin, size_t n, size_t target)
{
    const float most = simd->max(logits, n);
    if (most > r->most) {
        r->total *= exp((double)r->most - most);
        r->most = most;
    }
    r->total += simd->sum_exp(logits, n, r->most);
    if (target >= begin && target - begin < n)
        r->target = logits[target - begin];
}

/* At most ROWS rows. */
static void take_rows(const ops_context *ctx, running *rows, ops_matrix x, ops_matrix w, const int32_t *targets)
{
    float *logits = ops_shared(ctx);
    for (size_t i = 0; i < x.rows; i++)
        rows[i] = (running){.most = -INFINITY};
    for (size_t begin = 0; begin < w.rows; begin += WORDS) {
        const size_t n = ops_min(WORDS, w.rows - begin);
        ops_gemm_nt(ctx, logits, n, x, ops_matrix_slice(w, begin, n), 1, 0);
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, x.rows *n))
        for (size_t i = 0; i < x.rows; i++)
            take(ctx->simd, &rows[i], logits + i * n, begin, n, (size_t)targets[i]);
    }
}

void ops_head_logp_forward(const ops_context *ctx, float *logp, float *lse, ops_matrix x, ops_matrix w,
                           const int32_t *targets)
{
    running rows[ROWS];
    for (size_t begin = 0; begin < x.rows; begin += ROWS) {
        const size_t n = ops_min(ROWS, x.rows - begin);
        take_rows(ctx, rows, ops_matrix_slice(x, begin, n), w, targets + begin);
        for (size_t i = 0; i < n; i++) {
            const double sum = rows[i].most + log(rows[i].total);
            assert(targets[begin + i] >= 0 && (size_t)targets[begin + i] < w.rows);
            logp[begin + i] = (float)(rows[i].target - sum);
            if (lse)
                lse[begin + i] = (float)sum;
        }
    }
}

/* ---- with the slope ---- */

/* A row's logits become exponentials; what the row has summed up before shrinks where its maximum grows. */
static void weigh(const ops_simd *simd, running *r, float *sums, size_t width, float *logits, size_t begin, size_t n,
                  size_t target)
{
    const float most = simd->max(logits, n);
    if (target >= begin && target - begin < n)
        r->target = logits[target - begin];
    if (most > r->most) {
        const float factor = expf(r->most - most);
        if (begin > 0)
            simd->scale(sums, width, factor);
        r->total *= factor;
        r->most = most;
    }
    r->total += simd->exp_shifted(logits, n, r->most);
}

/* sums / total is the mean row of w; dx = w[target] - that. */
static void finish_slope(const ops_context *ctx, float *dx, const running *r, ops_matrix w, size_t target)
{
    float *row = ops_scratch(ctx);
    const float one = 1;
    ops_expand(ctx, row, w, target, 1);
    ctx->simd->scale(dx, w.cols, (float)(-1 / r->total));
    ctx->simd->accumulate(dx, w.cols, &one, row, w.cols, 1);
}

/* At most ROWS rows. */
static void slope_rows(const ops_context *ctx, running *rows, float *dx, ops_matrix x, ops_matrix w,
                       const int32_t *targets)
{
    float *logits = ops_shared(ctx);
    for (size_t i = 0; i < x.rows; i++)
        rows[i] = (running){.most = -INFINITY};
    for (size_t begin = 0; begin < w.rows; begin += WORDS) {
        const size_t n = ops_min(WORDS, w.rows - begin);
        const ops_matrix words = ops_matrix_slice(w, begin, n);
        ops_gemm_nt(ctx, logits, n, x, words, 1, 0);
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, x.rows *n))
        for (size_t i = 0; i < x.rows; i++)
            weigh(ctx->simd, &rows[i], dx + i * w.cols, w.cols, logits + i * n, begin, n, (size_t)targets[i]);
        ops_gemm_nn(ctx, dx, w.cols, ops_rows(logits, x.rows, n), words, 1, begin > 0);
    }
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, x.rows *w.cols))
    for (size_t i = 0; i < x.rows; i++)
        finish_slope(ctx, dx + i * w.cols, &rows[i], w, (size_t)targets[i]);
}

void ops_head_logp_gradient(const ops_context *ctx, float *logp, float *dx, ops_matrix x, ops_matrix w,
                            const int32_t *targets)
{
    running rows[ROWS];
    assert(w.cols <= OPS_SCRATCH);
    for (size_t begin = 0; begin < x.rows; begin += ROWS) {
        const size_t n = ops_min(ROWS, x.rows - begin);
        for (size_t i = 0; i < n; i++)
            assert(targets[begin + i] >= 0 && (size_t)targets[begin + i] < w.rows);
        slope_rows(ctx, rows, dx + begin * w.cols, ops_matrix_slice(x, begin, n), w, targets + begin);
        for (size_t i = 0; i < n; i++)
            logp[begin + i] = (float)(rows[i].target - (rows[i].most + log(rows[i].total)));
    }
}

void ops_log_softmax_forward(const ops_context *ctx, float *x, size_t rows, size_t width)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, rows *width))
    for (size_t i = 0; i < rows; i++) {
        float *row = x + i * width;
        const float most = ctx->simd->max(row, width);
        ctx->simd->add(row, width, -(most + logf(ctx->simd->sum_exp(row, width, most))));
    }
}
