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

void ops_log_softmax_forward(const ops_context *ctx, float *x, size_t rows, size_t width)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, rows *width))
    for (size_t i = 0; i < rows; i++) {
        float *row = x + i * width;
        const float most = ctx->simd->max(row, width);
        ctx->simd->add(row, width, -(most + logf(ctx->simd->sum_exp(row, width, most))));
    }
}
