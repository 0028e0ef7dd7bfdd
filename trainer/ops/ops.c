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
