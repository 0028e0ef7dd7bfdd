/* SPDX-License-Identifier: Apache-2.0 */
/** @file cpu.h
 *  The processor: what it is, what it can do, and how fast it is.
 */
#ifndef OPATRAIN_OPS_CPU_H
#define OPATRAIN_OPS_CPU_H

#include "ops/ops.h"

/** The processor and the system can run what -march=x86-64-v3 (AVX2, FMA, F16C) and -v4 (AVX-512 F, BW, CD, DQ, VL) make. */
bool ops_cpu_has_avx2(void);
bool ops_cpu_has_avx512(void);

typedef struct ops_cpu {
    char name[128];     /**< as the system says it; "unknown" */
    char features[128]; /**< those that matter for products: "avx2 fma f16c avx512f avx512_bf16 amx_bf16" */
    int processors;     /**< that this process may use */
    size_t l1d, l2, l3; /**< bytes of a cache, 0 unknown; l3 is shared by several processors */
} ops_cpu;

/** Linux says most of it (/proc, /sys); elsewhere what is not known stays empty. */
void ops_cpu_describe(ops_cpu *out);

typedef struct ops_speed {
    double gemm_f32;  /**< GFLOP/s (2 m n k) of ops_gemm_nt with 1024 rows and a 4096 x 4096 float32 matrix */
    double gemm_bf16; /**< the same with a bf16 matrix */
    double memory;    /**< GB/s (1e9) of reading memory that is in no cache */
} ops_speed;

/** Measure with the context's threads: the best of a few runs each, 1 to 3 seconds in all, 350 MB. 0 or OPA_ENOMEM. */
int ops_cpu_measure(const ops_context *ctx, ops_speed *out);

#endif
