/* SPDX-License-Identifier: Apache-2.0 */
/** @file helper.h
 *  Random data with printed seeds, every instruction set of this processor, and comparison with a twin in double precision.
 */
#ifndef TEST_OPS_HELPER_H
#define TEST_OPS_HELPER_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ops/ops.h"

/* ---- numbers at random ---- */

static uint64_t rng_state;

/* OPA_TEST_SEED repeats a run. */
static inline int seed_setup(void **state)
{
    (void)state;
    const char *given = getenv("OPA_TEST_SEED");
    rng_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 0x9E3779B97F4A7C15u;
    print_message("OPA_TEST_SEED=%#llx\n", (unsigned long long)rng_state);
    return 0;
}

static inline uint64_t rng_next(void)
{
    uint64_t z = (rng_state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline size_t rng_below(size_t n)
{
    return (size_t)(rng_next() % n);
}

/* In [-scale, scale). */
static inline float rng_float(float scale)
{
    return scale * ((float)(rng_next() >> 40) * 0x1p-23f - 1);
}

/* Allocations end where they end, so that the sanitizers see a step beyond; given back by forget(). */
static void *remembered[64];
static size_t remembered_count;

static inline void *remember(size_t size)
{
    void *p = malloc(size ? size : 1);
    assert_non_null(p);
    assert_true(remembered_count < sizeof remembered / sizeof *remembered);
    return remembered[remembered_count++] = p;
}

static inline void forget(void)
{
    while (remembered_count)
        free(remembered[--remembered_count]);
}

static inline float *floats(size_t n, float scale)
{
    float *x = remember(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = rng_float(scale);
    return x;
}

/* ---- matrices of every type ---- */

/* What the bits mean, by their definition. */
static inline double decode(ops_dtype dtype, const void *data, size_t i)
{
    uint16_t h;
    if (dtype == OPS_F32) {
        float f;
        memcpy(&f, (const char *)data + 4 * i, 4);
        return f;
    }
    memcpy(&h, (const char *)data + 2 * i, 2);
    const int exponent_bits = dtype == OPS_BF16 ? 8 : 5, fraction_bits = 15 - exponent_bits;
    const int exponent = h >> fraction_bits & ((1 << exponent_bits) - 1), fraction = h & ((1 << fraction_bits) - 1);
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const double magnitude = exponent == (1 << exponent_bits) - 1 ? (fraction ? NAN : INFINITY)
                             : exponent ? ldexp(1 + ldexp(fraction, -fraction_bits), exponent - bias)
                                        : ldexp(fraction, 1 - bias - fraction_bits);
    return h >> 15 ? -magnitude : magnitude;
}

static inline double element(const ops_matrix *m, size_t row, size_t col)
{
    return decode(m->dtype, m->data, row * m->stride + col);
}

/* Values in about [-1, 1], rows @p gap elements further apart than they need. */
static inline ops_matrix matrix(ops_dtype dtype, size_t rows, size_t cols, size_t gap)
{
    const size_t stride = cols + gap, n = rows * stride - gap;
    char *data = remember(n * ops_dtype_size(dtype));
    for (size_t i = 0; i < n; i++) {
        const float f = rng_float(1);
        uint32_t bits;
        memcpy(&bits, &f, 4);
        /* f16: sign, an exponent of 10..14 (2^-5 .. 2^-1), any fraction */
        const uint16_t half = dtype == OPS_BF16
                                  ? (uint16_t)(bits >> 16)
                                  : (uint16_t)((bits >> 31) << 15 | (10 + bits % 5) << 10 | (bits >> 5 & 0x3FF));
        if (dtype == OPS_F32)
            memcpy(data + 4 * i, &f, 4);
        else
            memcpy(data + 2 * i, &half, 2);
    }
    return (ops_matrix){data, rows, cols, stride, dtype};
}

/* ---- contexts ---- */

/* Calls @p body with every instruction set that runs here, and with 1 to 3 threads. */
static inline void each_context(void (*body)(const ops_context *))
{
    static const char *const isas[] = {"generic", "avx2", "avx512"};
    for (size_t i = 0; i < 3; i++)
        for (int threads = 1; threads <= 3; threads++) {
            ops_context *ctx;
            assert_int_equal(setenv("OPATRAIN_ISA", isas[i], 1), 0);
            assert_int_equal(ops_context_new(&ctx, threads), 0);
            assert_int_equal(ops_threads(ctx), threads);
            if (strcmp(ops_isa(ctx), isas[i]) == 0)
                body(ctx);
            ops_context_free(ctx);
            forget();
        }
    unsetenv("OPATRAIN_ISA");
}

/* |got - want| <= tolerance, NaN never. */
#define ASSERT_NEAR(got, want, tolerance)                                                                              \
    do {                                                                                                               \
        const double got_ = (got), want_ = (want), tolerance_ = (tolerance);                                           \
        if (!(fabs(got_ - want_) <= tolerance_)) {                                                                     \
            print_error("%s: %.9g, not %.9g (off by %.3g, allowed %.3g)\n", #got, got_, want_, fabs(got_ - want_),     \
                        tolerance_);                                                                                   \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

#endif
