/* SPDX-License-Identifier: Apache-2.0 */
/* C is cut into tiles, and a thread makes a tile with OpenBLAS's sgemm on its own: about as fast as OpenBLAS's own threads, and
 * a thread can expand the panel of bf16 or f16 weights that its tile needs while the others compute. A panel is expanded once
 * for all rows of a tile, so the cost is one pass over the panel for every pair of operations per row. */
#include "ops/gemm.h"

#include <assert.h>

#include <cblas.h>

#include "ops/context.h"
#ifdef OPS_ONEDNN
#include "ops/onednn.h"
#endif

/* Up to this many rows of A the own kernels are faster than sgemm (tests/bench/trainer). */
#define NARROW_ROWS 24
/* A panel of expanded weights: PANEL_N * PANEL_K floats = 1 MiB, in the scratch of a thread. */
#define PANEL_N ((size_t)512)
#define PANEL_K ((size_t)512)
/* The widest tile of plain float32, where there is nothing to expand. */
#define TILE_N ((size_t)2048)
#define TILE_M ((size_t)4096)

/* ---- how C is cut ---- */

typedef struct grid {
    size_t tile_m, tile_n, across, tiles;
} grid;

/* Side of a tile when @p size is cut into @p pieces: a multiple of 16, so that sgemm's own blocks are full. */
static size_t side(size_t size, size_t pieces)
{
    return ops_ceil_div(ops_ceil_div(size, pieces), 16) * 16;
}

/* As few tiles as the limits allow, and at least one a thread; the longer side of a tile is cut first. */
static grid make_grid(size_t m, size_t n, size_t limit_n, size_t threads)
{
    size_t down = ops_ceil_div(m, TILE_M), across = ops_ceil_div(n, limit_n);
    while (down * across < threads && (m / down > 32 || n / across > 32))
        if (m / down > n / across)
            down++;
        else
            across++;
    /* A last round of tiles for a few of the threads only would let the others wait. */
    while (down * across % threads != 0 && down * across < 4 * threads && n / across > 64)
        across++;
    grid g = {.tile_m = side(m, down), .tile_n = side(n, across)};
    g.across = ops_ceil_div(n, g.tile_n);
    g.tiles = ops_ceil_div(m, g.tile_m) * g.across;
    return g;
}

/* ---- a product, whichever way its operands lie ---- */

typedef struct product {
    const ops_context *ctx;
    float *c;
    size_t ldc, m, n, k;
    ops_matrix a, b;
    CBLAS_TRANSPOSE trans_a, trans_b;
    float alpha, beta;
} product;

/* Part of a tile: rows [i, i + m), columns [j, j + n), and terms [l, l + k) of the sums, with b's part at @p b. */
static void multiply(const product *p, size_t i, size_t m, size_t j, size_t n, size_t l, size_t k, const float *b,
                     size_t ldb)
{
    const float *a = ops_matrix_at(&p->a, p->trans_a == CblasTrans ? l : i, p->trans_a == CblasTrans ? i : l);
    cblas_sgemm(CblasRowMajor, p->trans_a, p->trans_b, (blasint)m, (blasint)n, (blasint)k, p->alpha, a,
                (blasint)p->a.stride, b, (blasint)ldb, l == 0 ? p->beta : 1, p->c + i * p->ldc + j, (blasint)p->ldc);
}

/* b's part for columns [j, j + n) and terms [l, l + k) as float32 rows without gaps. */
static void expand_panel(const product *p, float *out, size_t j, size_t n, size_t l, size_t k)
{
    const bool trans = p->trans_b == CblasTrans;
    const size_t rows = trans ? n : k, cols = trans ? k : n;
    for (size_t r = 0; r < rows; r++)
        p->ctx->simd->expand[p->b.dtype](out + r * cols, ops_matrix_at(&p->b, (trans ? j : l) + r, trans ? l : j),
                                         cols);
}

static void make_tile(const product *p, const grid *g, size_t at)
{
    const size_t i = at / g->across * g->tile_m, j = at % g->across * g->tile_n;
    const size_t m = ops_min(g->tile_m, p->m - i), n = ops_min(g->tile_n, p->n - j);
    const bool trans = p->trans_b == CblasTrans;
    if (p->b.dtype == OPS_F32) {
        multiply(p, i, m, j, n, 0, p->k, ops_matrix_at(&p->b, trans ? j : 0, trans ? 0 : j), p->b.stride);
        return;
    }
    float *panel = ops_scratch(p->ctx);
    for (size_t l = 0; l < p->k; l += PANEL_K) {
        const size_t k = ops_min(PANEL_K, p->k - l);
        expand_panel(p, panel, j, n, l, k);
        multiply(p, i, m, j, n, l, k, panel, trans ? k : n);
    }
}

static void run(const product *p)
{
    assert(p->a.dtype == OPS_F32 && p->m && p->n && p->k && p->ldc >= p->n);
    const grid g = make_grid(p->m, p->n, p->b.dtype == OPS_F32 ? TILE_N : PANEL_N, (size_t)p->ctx->threads);
#pragma omp parallel for schedule(dynamic) num_threads(p->ctx->threads) if (g.tiles > 1)
    for (size_t t = 0; t < g.tiles; t++)
        make_tile(p, &g, t);
}

/* ---- few rows ---- */

/* Runs of whole groups of w's rows, one a thread: each thread reads one stretch of memory. */
static void run_narrow(const product *p)
{
    const size_t threads = (size_t)ops_threads_for(p->ctx, p->n * p->k);
    const size_t share = side(p->n, threads);
#pragma omp parallel for schedule(static) num_threads((int)threads) if (threads > 1)
    for (size_t t = 0; t < threads; t++) {
        const size_t j = ops_min(t * share, p->n), n = ops_min(share, p->n - j);
        p->ctx->simd->narrow[p->b.dtype](p->c + j, p->ldc, p->a.data, p->a.stride, p->m, ops_matrix_at(&p->b, j, 0),
                                         p->b.stride, n, p->k, p->alpha, p->beta);
    }
}

/* ---- bf16 ---- */

/* true when it is done. */
static bool run_bf16(const product *p)
{
#ifdef OPS_ONEDNN
    return p->ctx->bf16 && p->b.dtype == OPS_BF16 &&
           ops_onednn_product(p->ctx->bf16, p->ctx, p->c, p->ldc, p->a, p->b, p->trans_b == CblasTrans, p->alpha,
                              p->beta);
#else
    (void)p;
    return false;
#endif
}

/* ---- what is exported ---- */

void ops_gemm_nt(const ops_context *ctx, float *c, size_t ldc, ops_matrix a, ops_matrix w, float alpha, float beta)
{
    assert(a.cols == w.cols);
    const product p = {ctx, c, ldc, a.rows, w.rows, a.cols, a, w, CblasNoTrans, CblasTrans, alpha, beta};
    if (a.rows <= NARROW_ROWS)
        run_narrow(&p);
    else if (!run_bf16(&p))
        run(&p);
}

void ops_gemm_nn(const ops_context *ctx, float *c, size_t ldc, ops_matrix a, ops_matrix w, float alpha, float beta)
{
    assert(a.cols == w.rows);
    const product p = {ctx, c, ldc, a.rows, w.cols, a.cols, a, w, CblasNoTrans, CblasNoTrans, alpha, beta};
    if (!run_bf16(&p))
        run(&p);
}

void ops_gemm_tn(const ops_context *ctx, float *c, size_t ldc, ops_matrix a, ops_matrix b, float alpha, float beta)
{
    assert(a.rows == b.rows && b.dtype == OPS_F32);
    run(&(product){ctx, c, ldc, a.cols, b.cols, a.rows, a, b, CblasTrans, CblasNoTrans, alpha, beta});
}

void ops_linear_forward(const ops_context *ctx, float *y, ops_matrix x, ops_matrix w, const float *bias, float alpha,
                        float beta)
{
    ops_gemm_nt(ctx, y, w.rows, x, w, alpha, beta);
    if (bias)
        ops_activation_forward(ctx, y, bias, x.rows, w.rows, OPS_IDENTITY);
}
