/* SPDX-License-Identifier: Apache-2.0 */
/** @file slopes.h
 *  One pass over a row, backwards: what the passes of rows.h do to a gradient.
 */
#ifndef OPATRAIN_OPS_SIMD_SLOPES_H
#define OPATRAIN_OPS_SIMD_SLOPES_H

#include "ops/simd/rows.h"

static float dot_rows(const float *a, const float *b, size_t n)
{
    vf total = {0};
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        total += load_at(a + i, part) * load_at(b + i, part);
    }
    return sum(total);
}

/* ---- norms ---- */

/* y = w x r with r = (mean x^2 + eps)^-1/2, so dx = r (w dy) - x r^3 mean(w dy x). */
static void rmsnorm_back(float *dx, const float *dy, const float *x, const float *weight, float r, size_t n)
{
    vf total = {0};
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        total += load_at(dy + i, part) * load_at(weight + i, part) * load_at(x + i, part);
    }
    const float along = sum(total) / (float)n * r * r * r;
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf g = load_at(dy + i, part) * load_at(weight + i, part);
        store_at(dx + i, load_at(dx + i, part) + (g * r - load_at(x + i, part) * along), part);
    }
}

/* y = w z + b with z = (x - mean) r, so dx = r (g - mean g - z mean(g z)), g = w dy. */
static void layernorm_back(float *dx, const float *dy, const float *x, const float *weight, float mean, float r,
                           size_t n)
{
    vf sums = {0}, along = {0};
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf g = load_at(dy + i, part) * load_at(weight + i, part);
        sums += g;
        along += g * (load_at(x + i, part) - mean); /* beyond the row g is 0 */
    }
    const float mean_g = sum(sums) / (float)n, mean_gz = sum(along) / (float)n * r;
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf g = load_at(dy + i, part) * load_at(weight + i, part), z = (load_at(x + i, part) - mean) * r;
        store_at(dx + i, load_at(dx + i, part) + (g - mean_g - z * mean_gz) * r, part);
    }
}

/* ---- rotation: by the angle's opposite ---- */

static void rope_back(float *x, const float *cos, const float *sin, size_t half)
{
    for (size_t i = 0; i < half; i += LANES) {
        const size_t part = part_at(i, half);
        const vf a = load_at(x + i, part), b = load_at(x + half + i, part);
        const vf c = load_at(cos + i, part), s = load_at(sin + i, part);
        store_at(x + i, a * c + b * s, part);
        store_at(x + half + i, b * c - a * s, part);
    }
}

/* ---- softmax ---- */

/* p: scores to probabilities; dp: slopes of probabilities to slopes of scores, times scale. What is not seen becomes 0. */
static void softmax_back(float *p, float *dp, size_t n, size_t seen, float lse, float delta, float scale)
{
    for (size_t i = 0; i < seen; i += LANES) {
        const size_t part = part_at(i, seen);
        const vf e = vexp(load_at(p + i, part) - lse);
        store_at(p + i, e, part);
        store_at(dp + i, e * (load_at(dp + i, part) - delta) * scale, part);
    }
    memset(p + seen, 0, (n - seen) * sizeof *p);
    memset(dp + seen, 0, (n - seen) * sizeof *dp);
}

/* ---- activations ---- */

/* Slope of x sigmoid(z) where z' = dz. */
INLINE vf gate_slope(vf x, vf z, vf dz)
{
    const vf s = 1.0f / (1.0f + vexp(-z));
    return s + x * s * (1.0f - s) * dz;
}

INLINE vf slope(ops_activation f, vf x)
{
    const vf u = 2 * 0.79788456080286536f * (1.0f + 3 * 0.044715f * x * x);
    switch (f) {
    case OPS_GELU:
        return 0.5f * (1.0f + verf(x * 0.70710678118654752f)) + x * vexp(-0.5f * x * x) * 0.39894228040143268f;
    case OPS_GELU_TANH:
        return gate_slope(x, 2 * 0.79788456080286536f * (x + 0.044715f * x * x * x), u);
    case OPS_QUICK_GELU:
        return gate_slope(x, 1.702f * x, splat(1.702f));
    case OPS_SILU:
        return gate_slope(x, x, splat(1.0f));
    case OPS_RELU:
        return choose(x > (vf){0}, splat(1.0f), (vf){0});
    default:
        return splat(1.0f);
    }
}

static void activation_back(float *dx, const float *x, size_t n, ops_activation f)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        store_at(dx + i, load_at(dx + i, part) * slope(f, load_at(x + i, part)), part);
    }
}

static void silu_mul_back(float *gate, float *up, float *out, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf g = load_at(gate + i, part), u = load_at(up + i, part), d = load_at(out + i, part);
        const vf s = 1.0f / (1.0f + vexp(-g)), a = g * s;
        store_at(gate + i, d * u * (s + a * (1.0f - s)), part);
        store_at(up + i, d * a, part);
        store_at(out + i, a * u, part);
    }
}

#endif
