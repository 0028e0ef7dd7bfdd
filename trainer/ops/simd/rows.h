/* SPDX-License-Identifier: Apache-2.0 */
/** @file rows.h
 *  One pass over a row: softmax, norms, rotation, activations. The last n % LANES elements go through a vector that is filled
 *  up with zeros, so every element is made by the same instructions.
 */
#ifndef OPATRAIN_OPS_SIMD_ROWS_H
#define OPATRAIN_OPS_SIMD_ROWS_H

#include <math.h>

#include "ops/simd/simd.h"
#include "ops/simd/vector.h"

/* Elements of the vector at i of a row of n. */
INLINE size_t part_at(size_t i, size_t n)
{
    return n - i < LANES ? n - i : LANES;
}

INLINE vf load_at(const float *x, size_t part)
{
    return part == LANES ? load(x) : load_part(x, part);
}

INLINE void store_at(float *x, vf v, size_t part)
{
    if (part == LANES)
        store(x, v);
    else
        store_part(x, v, part);
}

/* Ones below part, all bits set. */
INLINE vi below(size_t part)
{
    vi lane;
    for (int i = 0; i < LANES; i++)
        lane[i] = i;
    return lane < (vi){0} + (int32_t)part;
}

/* ---- softmax ---- */

static float row_max(const float *x, size_t n)
{
    vf most = splat(x[0]);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        most = vmax(most, load(x + i));
    float best = most[0];
    for (int l = 1; l < LANES; l++)
        best = most[l] > best ? most[l] : best;
    for (; i < n; i++)
        best = x[i] > best ? x[i] : best;
    return best;
}

static float exp_shifted(float *x, size_t n, float shift)
{
    vf total = {0};
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf e = vexp(load_at(x + i, part) - shift);
        store_at(x + i, e, part);
        total += (vf)((vi)e & below(part));
    }
    return sum(total);
}

static float sum_exp(const float *x, size_t n, float shift)
{
    vf total = {0};
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        total += (vf)((vi)vexp(load_at(x + i, part) - shift) & below(part));
    }
    return sum(total);
}

/* Four stretches at a time: more of memory is under way than with one. */
static float row_sum(const float *x, size_t n)
{
    const size_t stretch = n / 4 / LANES * LANES;
    vf acc[4] = {{0}};
    for (size_t i = 0; i < stretch; i += LANES)
        for (size_t s = 0; s < 4; s++)
            acc[s] += load(x + s * stretch + i);
    float rest = 0;
    for (size_t i = 4 * stretch; i < n; i++)
        rest += x[i];
    return sum(acc[0] + acc[1] + (acc[2] + acc[3])) + rest;
}

static void scale_row(float *x, size_t n, float factor)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        store_at(x + i, load_at(x + i, part) * factor, part);
    }
}

static void add_row(float *x, size_t n, float term)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        store_at(x + i, load_at(x + i, part) + term, part);
    }
}

/* ---- norms ---- */

static float rmsnorm(float *out, const float *x, const float *weight, size_t n, float eps)
{
    vf squares = {0};
    for (size_t i = 0; i < n; i += LANES) {
        const vf v = load_at(x + i, part_at(i, n));
        squares += v * v;
    }
    const float r = 1 / sqrtf(sum(squares) / (float)n + eps);
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        store_at(out + i, load_at(weight + i, part) * (load_at(x + i, part) * r), part);
    }
    return r;
}

static void layernorm(float *out, float *moments, const float *x, const float *weight, const float *bias, size_t n,
                      float eps)
{
    vf total = {0}, squares = {0};
    for (size_t i = 0; i < n; i += LANES)
        total += load_at(x + i, part_at(i, n));
    const float mean = sum(total) / (float)n;
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf d = (vf)((vi)(load_at(x + i, part) - mean) & below(part));
        squares += d * d;
    }
    const float r = 1 / sqrtf(sum(squares) / (float)n + eps);
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf v = (load_at(x + i, part) - mean) * r;
        store_at(out + i, v * load_at(weight + i, part) + load_at(bias + i, part), part);
    }
    moments[0] = mean;
    moments[1] = r;
}

/* ---- rotation ---- */

static void rope(float *x, const float *cos, const float *sin, size_t half)
{
    for (size_t i = 0; i < half; i += LANES) {
        const size_t part = part_at(i, half);
        const vf a = load_at(x + i, part), b = load_at(x + half + i, part);
        const vf c = load_at(cos + i, part), s = load_at(sin + i, part);
        store_at(x + i, a * c - b * s, part);
        store_at(x + half + i, b * c + a * s, part);
    }
}

/* ---- activations ---- */

/* erf by N. Juffa's two polynomials: around zero in x, beyond it 1 - exp(polynomial in |x|). */
INLINE vf verf(vf x)
{
    const vf t = (vf)((vi)x & 0x7fffffff), s = x * x;
    vf far = t * -1.72853470e-5f + 3.83197126e-4f;
    far = far * s + (t * -3.88396438e-3f + 2.42546219e-2f);
    far = far * t - 1.06777877e-1f;
    far = far * t - 6.34846687e-1f;
    far = far * t - 1.28717512e-1f;
    far = far * t - t;
    far = (vf)((vi)(1.0f - vexp(far)) | ((vi)x & (int32_t)0x80000000));
    vf near = s * -5.96761703e-4f + 4.99119423e-3f;
    near = near * s - 2.67681349e-2f;
    near = near * s + 1.12819925e-1f;
    near = near * s - 3.76125336e-1f;
    near = near * s + 1.28379166e-1f;
    near = near * x + x;
    return choose(t > splat(0.927734375f), far, near);
}

/* x / (1 + exp(-z)) */
INLINE vf gate_by(vf x, vf z)
{
    return x / (1.0f + vexp(-z));
}

INLINE vf apply(ops_activation f, vf x)
{
    switch (f) {
    case OPS_GELU:
        return 0.5f * x * (1.0f + verf(x * 0.70710678118654752f));
    case OPS_GELU_TANH: /* (1 + tanh u) / 2 = 1 / (1 + exp(-2 u)) */
        return gate_by(x, 2 * 0.79788456080286536f * (x + 0.044715f * x * x * x));
    case OPS_QUICK_GELU:
        return gate_by(x, 1.702f * x);
    case OPS_SILU:
        return gate_by(x, x);
    case OPS_RELU:
        return vmax(x, (vf){0});
    default:
        return x;
    }
}

static void activation(float *x, const float *bias, size_t n, ops_activation f)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        const vf v = load_at(x + i, part);
        store_at(x + i, apply(f, bias ? v + load_at(bias + i, part) : v), part);
    }
}

static void silu_mul(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t part = part_at(i, n);
        store_at(out + i, apply(OPS_SILU, load_at(gate + i, part)) * load_at(up + i, part), part);
    }
}

#endif
