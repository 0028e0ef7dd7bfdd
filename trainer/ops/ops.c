/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ops.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include <opapairs/base.h>

#include "ops/blas.h"
#include "ops/context.h"
#include "ops/cpu.h"
#ifdef OPS_ONEDNN
#include "ops/onednn.h"
#endif

size_t ops_dtype_size(ops_dtype dtype)
{
    return dtype == OPS_F32 ? 4 : 2;
}

const char *ops_dtype_name(ops_dtype dtype)
{
    static const char *const names[] = {[OPS_F32] = "f32", [OPS_BF16] = "bf16", [OPS_F16] = "f16"};
    return names[dtype];
}

ops_matrix ops_matrix_slice(ops_matrix whole, size_t begin, size_t count)
{
    assert(begin <= whole.rows && count <= whole.rows - begin);
    whole.data = ops_matrix_at(&whole, begin, 0);
    whole.rows = count;
    return whole;
}

void ops_expand(const ops_context *ctx, float *out, ops_matrix from, size_t begin, size_t count)
{
    assert(begin <= from.rows && count <= from.rows - begin);
    for (size_t i = 0; i < count; i++)
        ctx->simd->expand[from.dtype](out + i * from.cols, ops_matrix_at(&from, begin + i, 0), from.cols);
}

void ops_expand_all(const ops_context *ctx, float *out, ops_matrix from)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, from.rows *from.cols))
    for (size_t i = 0; i < from.rows; i++)
        ctx->simd->expand[from.dtype](out + i * from.cols, ops_matrix_at(&from, i, 0), from.cols);
}

/* ---- bf16 ---- */

#ifdef OPS_ONEDNN
/* Small integers are exact in bf16, and so are their sums in float32: a product of these is right to the last bit, or wrong. */
static bool bf16_is_right(const ops_context *ctx, ops_onednn *dnn, bool trans)
{
    enum { M = 35, N = 48, K = 72 };
    float a[M * K], c[M * N];
    uint16_t b[N * K];
    for (int i = 0; i < M * K; i++)
        a[i] = (float)(i * 7 % 13 - 6);
    for (int i = 0; i < N * K; i++) {
        const float v = (float)(i * 5 % 11 - 5);
        ctx->simd->to_bf16(&b[i], &v, 1);
    }
    for (int i = 0; i < M * N; i++)
        c[i] = (float)(i % 17);
    const ops_matrix w = {b, trans ? N : K, trans ? K : N, trans ? K : N, OPS_BF16};
    if (!ops_onednn_product(dnn, ctx, c, N, ops_rows(a, M, K), w, trans, 0.5f, 2))
        return false;
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            float sum = 0;
            for (int l = 0; l < K; l++)
                sum += a[i * K + l] * (float)((trans ? j * K + l : l * N + j) * 5 % 11 - 5);
            if (c[i * N + j] != 0.5f * sum + (float)(2 * ((i * N + j) % 17)))
                return false;
        }
    return true;
}
#endif

bool ops_context_allow_bf16(ops_context *ctx, bool allow)
{
#ifdef OPS_ONEDNN
    ops_onednn_free(ctx->bf16);
    ctx->bf16 = NULL;
    ops_onednn *dnn = allow && ops_onednn_has_bf16() ? ops_onednn_new() : NULL;
    if (dnn) {
        omp_set_num_threads(ctx->threads); /* oneDNN asks OpenMP how many */
        if (bf16_is_right(ctx, dnn, true) && bf16_is_right(ctx, dnn, false))
            ctx->bf16 = dnn;
        else
            ops_onednn_free(dnn);
    }
#else
    (void)allow;
#endif
    return ctx->bf16 != NULL;
}

const char *ops_bf16_library(void)
{
#ifdef OPS_ONEDNN
    return ops_onednn_version();
#else
    return NULL;
#endif
}

bool ops_bf16_products(const ops_context *ctx)
{
    return ctx->bf16 != NULL;
}

/* ---- the context ---- */

/* The best that the processor has and that @p limit allows. */
static const ops_simd *choose_simd(const char *limit)
{
#ifdef OPS_X86
    if (limit && strcmp(limit, ops_simd_generic.name) == 0)
        return &ops_simd_generic;
    if (ops_cpu_has_avx512() && !(limit && strcmp(limit, ops_simd_avx2.name) == 0))
        return &ops_simd_avx512;
    if (ops_cpu_has_avx2())
        return &ops_simd_avx2;
#endif
    (void)limit;
    return &ops_simd_generic;
}

int ops_context_new(ops_context **out, int threads)
{
    *out = NULL;
    ops_context *ctx = calloc(1, sizeof *ctx);
    if (!ctx)
        return OPA_ENOMEM;
    ctx->threads = threads > 0 ? threads : omp_get_max_threads();
    ctx->simd = choose_simd(getenv("OPATRAIN_ISA"));
    const size_t floats = (size_t)ctx->threads * OPS_SCRATCH + OPS_SHARED;
    ctx->scratch = aligned_alloc(64, floats * sizeof(float));
    if (!ctx->scratch) {
        free(ctx);
        return OPA_ENOMEM;
    }
    ops_blas_single_threaded();
    *out = ctx;
    return OPA_OK;
}

void ops_context_free(ops_context *ctx)
{
    if (!ctx)
        return;
    ops_context_allow_bf16(ctx, false);
    free(ctx->scratch);
    free(ctx);
}

int ops_threads(const ops_context *ctx)
{
    return ctx->threads;
}

const char *ops_isa(const ops_context *ctx)
{
    return ctx->simd->name;
}

float *ops_scratch(const ops_context *ctx)
{
    return ctx->scratch + (size_t)omp_get_thread_num() * OPS_SCRATCH;
}

float *ops_shared(const ops_context *ctx)
{
    return ctx->scratch + (size_t)ctx->threads * OPS_SCRATCH;
}

int ops_threads_for(const ops_context *ctx, size_t elements)
{
    return elements < OPS_PARALLEL_ELEMENTS ? 1 : ctx->threads;
}
