/* SPDX-License-Identifier: Apache-2.0 */
/** @file simd.h
 *  The inner loops: written once with vectors of the compiler, compiled once for each instruction set, and chosen at run
 *  time. Everything here runs in the calling thread on rows without gaps; the modules above cut the work and start the threads.
 */
#ifndef OPATRAIN_OPS_SIMD_SIMD_H
#define OPATRAIN_OPS_SIMD_SIMD_H

#include "ops/activation.h"
#include "ops/adamw.h"
#include "ops/pixels.h"

/** A product of few rows with a stored matrix: y[i * ldy + j] = alpha * sum_l x[i * ldx + l] * w[j * stride + l] + beta * y,
 *  i < m, j < n, l < k. w is of the type that the function is for; beta 0 overwrites. Each w is read from memory once. */
typedef void ops_narrow(float *y, size_t ldy, const float *x, size_t ldx, size_t m, const void *w, size_t stride,
                        size_t n, size_t k, float alpha, float beta);

typedef struct ops_simd {
    const char *name;
    size_t lanes; /**< floats in a vector */

    /* dot.h, by ops_dtype */
    ops_narrow *narrow[3];
    void (*expand[3])(float *out, const void *from, size_t n);
    void (*to_bf16)(uint16_t *out, const float *from, size_t n); /**< to nearest, ties to even */

    /* block.h. Panels: a matrix [k, n] as [n / (2 * lanes)] pieces of [k, 2 * lanes], n filled up with zeros. */
    /** c[m, n] = a[m, k] * b, rows of a lda apart; n is a multiple of 2 * lanes. */
    void (*outer_rows)(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t m, size_t n, size_t k);
    /** c[m, n] += a[k, m]^T * b. */
    void (*outer_columns)(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t m, size_t n,
                          size_t k);
    /** Row @p at of panels with k rows, and column @p i. */
    void (*to_panels)(float *panels, const float *from, size_t n, size_t at, size_t k);
    void (*to_panel_column)(float *panels, const float *from, size_t k, size_t i);
    /** most[j] = max(most[j], s[i * lds + j]), i < rows; j < n, a multiple of lanes. */
    void (*column_max)(float *most, const float *s, size_t lds, size_t rows, size_t n);
    /** s[i * lds + j] = exp(s[i * lds + j] - most[j]), total[j] += their sum. */
    void (*column_exp)(float *total, float *s, size_t lds, size_t rows, size_t n, const float *most);
    /** o[n] += sum_j p[j] * v[j * stride + i], i < n, j < count. */
    void (*accumulate)(float *o, size_t n, const float *p, const float *v, size_t stride, size_t count);

    /* rows.h */
    float (*max)(const float *x, size_t n); /**< n > 0 */
    /** x[i] = exp(x[i] - shift), in place; returns the sum. */
    float (*exp_shifted)(float *x, size_t n, float shift);
    /** The same sum without writing. */
    float (*sum_exp)(const float *x, size_t n, float shift);
    float (*sum)(const float *x, size_t n); /**< as fast as it can be read */
    void (*scale)(float *x, size_t n, float factor);
    void (*add)(float *x, size_t n, float term);
    float (*rmsnorm)(float *out, const float *x, const float *weight, size_t n, float eps); /**< returns r */
    /** moments[2]: mean and r. */
    void (*layernorm)(float *out, float *moments, const float *x, const float *weight, const float *bias, size_t n,
                      float eps);
    void (*rope)(float *x, const float *cos, const float *sin, size_t half);
    void (*activation)(float *x, const float *bias, size_t n, ops_activation f); /**< bias [n] or NULL */
    void (*silu_mul)(float *out, const float *gate, const float *up, size_t n);

    /* slopes.h */
    float (*dot)(const float *a, const float *b, size_t n);
    /** dx += what comes through the norm of x. */
    void (*rmsnorm_back)(float *dx, const float *dy, const float *x, const float *weight, float r, size_t n);
    void (*layernorm_back)(float *dx, const float *dy, const float *x, const float *weight, float mean, float r,
                           size_t n);
    void (*rope_back)(float *x, const float *cos, const float *sin, size_t half);
    /** p = exp(p - lse), dp = p * (dp - delta) * scale, for the first @p seen; 0 for the others. */
    void (*softmax_back)(float *p, float *dp, size_t n, size_t seen, float lse, float delta, float scale);
    void (*activation_back)(float *dx, const float *x, size_t n, ops_activation f); /**< dx *= f'(x) */
    /** out: its slope on the way in, itself on the way out; gate and up become their slopes. */
    void (*silu_mul_back)(float *gate, float *up, float *out, size_t n);

    /* moments.h */
    void (*adamw)(float *p, float *m, float *v, const float *gradient, size_t n, const ops_adamw *factors);
    double (*square_sum)(const float *x, size_t n);

    /* pixels.h */
    void (*filter_row)(uint8_t *out, const uint8_t *const planes[3], const ops_filter *filter);
    void (*filter_column)(uint8_t *out, const uint8_t *rows, size_t n, const int32_t *coefficients, size_t count);
    void (*split_rgb)(uint8_t *const planes[3], const uint8_t *rgb, size_t n);
} ops_simd;

extern const ops_simd ops_simd_generic;
#ifdef OPS_X86
extern const ops_simd ops_simd_avx2, ops_simd_avx512;
#endif

#endif
