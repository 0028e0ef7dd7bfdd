/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include <opapairs/base.h>

#include "ops/context.h"
#include "ops/gemm.h"

bool ops_cpu_has_avx2(void)
{
#ifdef OPS_X86
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#else
    return false;
#endif
}

bool ops_cpu_has_avx512(void)
{
#ifdef OPS_X86
    return ops_cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

/* ---- what it is ---- */

/* The value of the first line of /proc/cpuinfo that begins with @p key; false when there is none. */
static bool cpuinfo(char *out, size_t size, const char *key)
{
    char line[4096];
    bool found = false;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && !found && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        found = colon && strncmp(line, key, strlen(key)) == 0;
        if (found)
            snprintf(out, size, "%.*s", (int)strcspn(colon + 1, "\n"), colon + 1);
    }
    if (f)
        fclose(f);
    return found;
}

static void describe_features(ops_cpu *out)
{
    static const char *const matter[] = {"avx2",        "fma",         "f16c",     "avx512f", "avx512_vnni",
                                         "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd",   "sve"};
    char flags[4096] = "", *rest = flags;
    if (!cpuinfo(flags, sizeof flags, "flags"))
        cpuinfo(flags, sizeof flags, "Features"); /* Arm */
    for (char *word; (word = strtok_r(rest, " \t", &rest));)
        for (size_t i = 0; i < sizeof matter / sizeof *matter; i++)
            if (strcmp(word, matter[i]) == 0)
                snprintf(out->features + strlen(out->features), sizeof out->features - strlen(out->features), "%s%s",
                         out->features[0] ? " " : "", word);
}

/* Bytes of the cache of that index, its level and kind; 0 when there is none. */
static size_t cache(int index, int *level, char kind[16])
{
    char path[128];
    unsigned long kilobytes = 0;
    static const char *const names[] = {"level", "type", "size"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, names[i]);
        FILE *f = fopen(path, "r");
        if (!f)
            return 0;
        const int got = i == 0   ? fscanf(f, "%d", level)
                        : i == 1 ? fscanf(f, "%15s", kind)
                                 : fscanf(f, "%luK", &kilobytes);
        fclose(f);
        if (got != 1)
            return 0;
    }
    return (size_t)kilobytes << 10;
}

void ops_cpu_describe(ops_cpu *out)
{
    *out = (ops_cpu){.processors = omp_get_num_procs()};
    char name[sizeof out->name] = "";
    cpuinfo(name, sizeof name, "model name");
    const size_t blank = strspn(name, " ");
    snprintf(out->name, sizeof out->name, "%s", name[blank] ? name + blank : "unknown");
    describe_features(out);
    for (int i = 0; i < 8; i++) {
        int level = 0;
        char kind[16] = "";
        const size_t size = cache(i, &level, kind);
        if (level == 1 && strcmp(kind, "Data") == 0)
            out->l1d = size;
        else if (level == 2)
            out->l2 = size;
        else if (level == 3)
            out->l3 = size;
    }
}

/* ---- how fast it is ---- */

enum { ROWS = 1024, SIDE = 4096, RUNS = 3 };

/* Anything but zeros and subnormals, and the same for all threads. */
static void fill(float *x, size_t n)
{
#pragma omp parallel for
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i % 251) / 251 - 0.5f;
}

static double gemm_speed(const ops_context *ctx, float *c, const float *a, const float *w, ops_dtype dtype)
{
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        const double start = omp_get_wtime();
        ops_gemm_nt(ctx, c, SIDE, ops_rows(a, ROWS, SIDE), (ops_matrix){w, SIDE, SIDE, SIDE, dtype}, 1, 0);
        const double speed = 2.0 * ROWS * SIDE * SIDE / (omp_get_wtime() - start) / 1e9;
        best = speed > best ? speed : best;
    }
    return best;
}

/* Every thread sums up a stretch of its own. */
static double memory_speed(const ops_context *ctx, const float *x, size_t n)
{
    double best = 0;
    volatile float sink = 0; /* somebody wants the sum */
    for (int run = 0; run < 2 * RUNS; run++) {
        float total = 0;
        const double start = omp_get_wtime();
        const size_t threads = (size_t)ctx->threads, share = n / threads;
#pragma omp parallel for num_threads(ctx->threads) reduction(+ : total)
        for (size_t t = 0; t < threads; t++)
            total += ctx->simd->sum(x + t * share, share);
        const double speed = (double)(share * threads * sizeof *x) / (omp_get_wtime() - start) / 1e9;
        sink = total;
        best = speed > best ? speed : best;
    }
    (void)sink;
    return best;
}

int ops_cpu_measure(const ops_context *ctx, ops_speed *out)
{
    const size_t matrix = (size_t)SIDE * SIDE, rows = (size_t)ROWS * SIDE, n = matrix + 2 * rows;
    const size_t more = (size_t)64 << 20; /* 256 MB */
    *out = (ops_speed){0};
    float *x = malloc((n > more ? n : more) * sizeof *x);
    if (!x)
        return OPA_ENOMEM;
    fill(x, n > more ? n : more);
    out->gemm_f32 = gemm_speed(ctx, x + matrix + rows, x + matrix, x, OPS_F32);
    out->gemm_bf16 = gemm_speed(ctx, x + matrix + rows, x + matrix, x, OPS_BF16);
    out->memory = memory_speed(ctx, x, more);
    free(x);
    return OPA_OK;
}
