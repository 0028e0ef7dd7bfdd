/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels as ratios against what this machine gives in the same run: products against OpenBLAS's own threaded sgemm, few rows
 * against the memory's reading speed, attention against sgemm's.
 *
 *     kernels [--threads N] [--seconds S] [--cpu-time]
 *
 * Each line is the best of as many runs as fit in S seconds (0.5); the two sides of a ratio are run in turns. --cpu-time
 * takes processor time for wall time: the way to measure on a busy machine, with one thread. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cblas.h>
#include <omp.h>

#include "ops/attention.h"
#include "ops/blas.h"
#include "ops/context.h"
#include "ops/cpu.h"
#include "ops/gemm.h"
#include "ops/head.h"
#include "ops/norm.h"

static ops_context *ctx;
static clockid_t clock_used = CLOCK_MONOTONIC;
static double seconds = 0.5;

static double now(void)
{
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *room(size_t bytes)
{
    uint32_t *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(71);
    }
    /* As float32 and as bf16 these are numbers of about 0.01 to 1. */
    for (size_t i = 0; i < bytes / 4; i++)
        p[i] = 0x3C003C00u + (uint32_t)(i * 2654435761u) % 0x03800380u;
    return p;
}

/* ---- what is run ---- */

typedef struct job {
    size_t m, n, k;
    ops_matrix a, w;
    float *c;
    ops_attention_shape shape;
    const ops_node *nodes;
    size_t node_count;
    const ops_sequence *sequences;
} job;

typedef void body(const job *j);

static void blas(const job *j)
{
    openblas_set_num_threads(ops_threads(ctx));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)j->m, (int)j->n, (int)j->k, 1, j->a.data, (int)j->k,
                j->w.data, (int)j->k, 0, j->c, (int)j->n);
    openblas_set_num_threads(1);
}

static void nt(const job *j)
{
    ops_gemm_nt(ctx, j->c, j->n, j->a, j->w, 1, 0);
}

static void nn(const job *j)
{
    ops_gemm_nn(ctx, j->c, j->n, j->a, j->w, 1, 0);
}

static void tn(const job *j)
{
    ops_gemm_tn(ctx, j->c, j->n, j->a, j->w, 1, 0);
}

static void attend(const job *j)
{
    ops_attention_tree_forward(ctx, j->c, NULL, j->a.data, j->w.data, j->w.data, j->nodes, j->node_count, true,
                               &j->shape);
}

static void attend_all(const job *j)
{
    ops_attention_tree_forward(ctx, j->c, NULL, j->a.data, j->w.data, j->w.data, j->nodes, j->node_count, false,
                               &j->shape);
}

static void attend_cached(const job *j)
{
    ops_attention_cached_forward(ctx, j->c, j->a.data, j->sequences, j->m, &j->shape);
}

static void read_memory(const job *j)
{
    const float *x = j->w.data;
    const size_t threads = (size_t)ops_threads(ctx), share = j->n * j->k / threads;
    float total = 0;
#pragma omp parallel for num_threads((int)threads) reduction(+ : total)
    for (size_t t = 0; t < threads; t++)
        total += ctx->simd->sum(x + t * share, share);
    j->c[0] = total;
}

static double once(body *f, const job *j)
{
    const double start = now();
    f(j);
    return now() - start;
}

/* Best seconds of the two in turns. */
static void race(double best[2], body *one, const job *a, body *two, const job *b)
{
    best[0] = best[1] = 1e9;
    const double start = now();
    for (int run = 0; run < 3 || now() - start < seconds; run++) {
        const double x = once(one, a), y = once(two, b);
        best[0] = x < best[0] ? x : best[0];
        best[1] = y < best[1] ? y : best[1];
    }
}

/* ---- the table ---- */

static void line(const char *what, double mine, double other, const char *unit)
{
    printf("  %-58s %8.1f %8.1f %-8s %5.2f\n", what, mine, other, unit, mine / other);
    fflush(stdout);
}

static job product(size_t m, size_t n, size_t k, ops_dtype dtype, float *memory)
{
    float *a = memory, *w = a + m * k, *c = w + n * k;
    return (job){.m = m, .n = n, .k = k, .a = ops_rows(a, m, k), .w = {w, n, k, k, dtype}, .c = c};
}

static void products(void)
{
    static const struct {
        const char *what;
        body *run;
        size_t m, n, k;
        ops_dtype dtype;
    } table[] = {
        {"1024 x 4096 x 4096 f32", nt, 1024, 4096, 4096, OPS_F32},
        {"1024 x 4096 x 4096 bf16", nt, 1024, 4096, 4096, OPS_BF16},
        {"1024 x 4096 x 4096 f16", nt, 1024, 4096, 4096, OPS_F16},
        {"700 x 11008 x 4096 bf16 (7B gate)", nt, 700, 11008, 4096, OPS_BF16},
        {"700 x 4096 x 11008 bf16 (7B down)", nt, 700, 4096, 11008, OPS_BF16},
        {"870 x 1408 x 512 bf16 (xs gate)", nt, 870, 1408, 512, OPS_BF16},
        {"870 x 512 x 512 bf16 (xs q)", nt, 870, 512, 512, OPS_BF16},
        {"870 x 512 x 512 f32", nt, 870, 512, 512, OPS_F32},
        {"1024 x 256 x 4096 f32 (LoRA A)", nt, 1024, 256, 4096, OPS_F32},
        {"1024 x 4096 x 256 f32 (LoRA B)", nt, 1024, 4096, 256, OPS_F32},
        {"1024 x 4096 x 4096 bf16 input gradient", nn, 1024, 4096, 4096, OPS_BF16},
        {"4096 x 256 x 1024 f32 weight gradient", tn, 4096, 256, 1024, OPS_F32},
    };
    printf("products, against OpenBLAS's sgemm with %d threads on the same shape in f32\n", ops_threads(ctx));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const size_t m = table[i].m, n = table[i].n, k = table[i].k;
        float *memory = room((m * k + n * k + m * n) * sizeof *memory);
        const job reference = product(m, n, k, OPS_F32, memory);
        job mine = product(m, n, k, table[i].dtype, memory);
        if (table[i].run == nn) {
            mine.w.rows = k;
            mine.w.cols = mine.w.stride = n;
        } else if (table[i].run == tn) {
            mine.a = ops_rows(mine.a.data, k, m);
            mine.w = ops_rows(mine.w.data, k, n);
        }
        double best[2];
        race(best, table[i].run, &mine, blas, &reference);
        const double work = 2e-9 * (double)m * (double)n * (double)k;
        line(table[i].what, work / best[0], work / best[1], "GFLOP/s");
        if (table[i].dtype == OPS_BF16 && ops_context_allow_bf16(ctx, true)) {
            race(best, table[i].run, &mine, blas, &reference);
            line("  the same with activations in bf16", work / best[0], work / best[1], "GFLOP/s");
        }
        ops_context_allow_bf16(ctx, false);
        free(memory);
    }
}

static void few_rows(void)
{
    static const size_t rows[] = {1, 2, 4, 8, 16, 24};
    const size_t n = 11008, k = 4096;
    printf("few rows, 11008 x 4096: bytes of weights, against reading memory\n");
    float *memory = room((24 * k + n * k + 24 * n) * sizeof *memory);
    for (int d = OPS_F32; d <= OPS_BF16; d++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            const job mine = product(rows[i], n, k, (ops_dtype)d, memory),
                      reference = product(24, n, k, OPS_F32, memory);
            double best[2];
            char what[80];
            race(best, nt, &mine, read_memory, &reference);
            snprintf(what, sizeof what, "%zu rows, %s (%.0f GFLOP/s)", rows[i], ops_dtype_name((ops_dtype)d),
                     2e-9 * (double)rows[i] * (double)n * (double)k / best[0]);
            line(what, (double)(n * k * ops_dtype_size((ops_dtype)d)) * 1e-9 / best[0],
                 (double)(n * k) * 4e-9 / best[1], "GB/s");
        }
    free(memory);
}

/* 4 d operations for each pair of a query and a key that it sees, in each head. */
static void attention_of(const char *what, body *run, size_t heads, size_t kv_heads, size_t d, const ops_node *nodes,
                         size_t count, double pairs, const job *peak)
{
    const size_t tokens = nodes[count - 1].begin + nodes[count - 1].count;
    float *q = room(tokens * heads * d * sizeof *q), *kv = room(tokens * kv_heads * d * sizeof *kv);
    float *out = room(tokens * heads * d * sizeof *out);
    const job mine = {.a = {.data = q},
                      .w = {.data = kv},
                      .c = out,
                      .nodes = nodes,
                      .node_count = count,
                      .shape = {heads, kv_heads, d, heads * d, kv_heads * d, heads * d, 0, 0.1f}};
    double best[2];
    race(best, run, &mine, blas, peak);
    line(what, 4e-9 * pairs * (double)(heads * d) / best[0],
         2e-9 * (double)peak->m * (double)peak->n * (double)peak->k / best[1], "GFLOP/s");
    free(q);
    free(kv);
    free(out);
}

static void attention(void)
{
    static const ops_node tree[] = {{-1, 0, 623}, {0, 623, 90}, {0, 713, 80}, {0, 793, 85}};
    static const ops_node row[] = {{-1, 0, 1024}};
    static const ops_node image[] = {{-1, 0, 577}};
    float *memory = room((size_t)3 * 1024 * 1024 * sizeof *memory);
    const job peak = product(1024, 1024, 1024, OPS_F32, memory);
    double pairs = 0;
    for (int i = 0; i < 4; i++)
        pairs += (double)tree[i].count * ((double)(tree[i].count + 1) / 2 + (i ? 623 : 0));
    printf("attention: pairs that are seen, against sgemm of 1024^3\n");
    attention_of("tree of 623 + 3 answers, 32 heads of 128", attend, 32, 32, 128, tree, 4, pairs, &peak);
    attention_of("tree of 623 + 3 answers, 8 heads of 64 (xs)", attend, 8, 8, 64, tree, 4, pairs, &peak);
    attention_of("tree of 623 + 3 answers, 32 heads over 8 of 128", attend, 32, 8, 128, tree, 4, pairs, &peak);
    attention_of("causal 1024, 32 heads of 128", attend, 32, 32, 128, row, 1, 1024.0 * 1025 / 2, &peak);
    attention_of("vision tower: 577, all see all, 16 heads of 64", attend_all, 16, 16, 64, image, 1, 577.0 * 577,
                 &peak);
    free(memory);
}

static void caches(void)
{
    enum { SEQUENCES = 8, LENGTH = 1000, WIDTH = 32 * 128 };
    const size_t each = (size_t)LENGTH * WIDTH;
    float *q = room((size_t)2 * SEQUENCES * WIDTH * sizeof *q), *kv = room(2 * SEQUENCES * each * sizeof *kv);
    ops_sequence sequences[SEQUENCES];
    for (size_t i = 0; i < SEQUENCES; i++)
        sequences[i] = (ops_sequence){kv + 2 * i * each, kv + (2 * i + 1) * each, LENGTH, i, 1};
    job mine = {.m = SEQUENCES,
                .a = {.data = q},
                .c = q + SEQUENCES * WIDTH,
                .sequences = sequences,
                .shape = {32, 32, 128, WIDTH, 128, WIDTH, (size_t)LENGTH * 128, 0.1f}};
    const job reference = {.n = 2 * SEQUENCES, .k = each, .w = {.data = kv}, .c = q};
    double best[2];
    printf(
        "decoding against caches of 1000 tokens, 32 heads of 128: bytes of keys and values, against reading memory\n");
    for (size_t n = 1; n <= SEQUENCES; n += SEQUENCES - 1) {
        char what[40];
        mine.m = n;
        race(best, attend_cached, &mine, read_memory, &reference);
        snprintf(what, sizeof what, "%zu sequence%s", n, n > 1 ? "s" : "");
        line(what, (double)(2 * n * each) * 4e-9 / best[0], (double)(2 * SEQUENCES * each) * 4e-9 / best[1], "GB/s");
    }
    free(q);
    free(kv);
}

int main(int argc, char **argv)
{
    int threads = 0;
    ops_blas_choose_core(argv);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--cpu-time") == 0)
            clock_used = CLOCK_PROCESS_CPUTIME_ID;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atof(argv[++i]);
        else
            return fprintf(stderr, "usage: kernels [--threads N] [--seconds S] [--cpu-time]\n"), 64;
    if (ops_context_new(&ctx, threads) != 0)
        return 71;
    ops_cpu cpu;
    ops_cpu_describe(&cpu);
    printf("%s (%s), %d threads, kernels %s, OpenBLAS core %s\n", cpu.name, cpu.features, ops_threads(ctx),
           ops_isa(ctx), ops_blas_core());
    products();
    few_rows();
    attention();
    caches();
    ops_context_free(ctx);
    return 0;
}
