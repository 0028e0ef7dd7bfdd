/* SPDX-License-Identifier: Apache-2.0 */
/** @file vector.h
 *  Vectors of the compiler (GCC and Clang), as wide as the instruction set that this file is compiled for.
 */
#ifndef OPATRAIN_OPS_SIMD_VECTOR_H
#define OPATRAIN_OPS_SIMD_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#if defined __AVX512F__
#define LANES 16
#elif defined __AVX2__
#define LANES 8
#else
#define LANES 4
#endif

#define INLINE static inline __attribute__((always_inline))
#define VECTOR(type) __attribute__((vector_size(LANES * sizeof(type))))

typedef float vf VECTOR(float);
typedef int32_t vi VECTOR(int32_t);
typedef uint32_t vu VECTOR(uint32_t);
typedef uint16_t vh VECTOR(uint16_t);
#if LANES == 8 /* as a number: GCC 12 has no good way from eight bytes in a vector to the register */
typedef uint64_t vb;
#else
typedef uint8_t vb VECTOR(uint8_t);
#endif

INLINE vf load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

/* The first n < LANES elements; the others are 0. */
INLINE vf load_part(const float *p, size_t n)
{
    vf v = {0};
    memcpy(&v, p, n * sizeof *p);
    return v;
}

INLINE void store_part(float *p, vf v, size_t n)
{
    memcpy(p, &v, n * sizeof *p);
}

INLINE vf splat(float x)
{
    return x - (vf){0};
}

/* yes where the mask is set, no elsewhere. */
INLINE vf choose(vi mask, vf yes, vf no)
{
    return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

INLINE vf vmax(vf a, vf b)
{
    return choose(a > b, a, b);
}

INLINE vf vmin(vf a, vf b)
{
    return choose(a < b, a, b);
}

INLINE vf vsqrt(vf x)
{
#if defined __AVX512F__
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined __AVX2__
    return (vf)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < LANES; i++)
        x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

INLINE float sum(vf v)
{
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            v[i] += v[i + half];
    return v[0];
}

/* Four sums, each by the additions of sum(): side by side they take about as long as one. */
INLINE void sum4(float out[4], vf a, vf b, vf c, vf d)
{
#ifdef __AVX2__
    const vf v[4] = {a, b, c, d};
    __m128 q[4];
    for (int i = 0; i < 4; i++) {
#if LANES == 16
        const __m256 half =
            _mm256_add_ps(_mm512_castps512_ps256((__m512)v[i]), _mm512_extractf32x8_ps((__m512)v[i], 1));
#else
        const __m256 half = (__m256)v[i];
#endif
        q[i] = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    }
    const __m128 ab = _mm_add_ps(_mm_movelh_ps(q[0], q[1]), _mm_movehl_ps(q[1], q[0]));
    const __m128 cd = _mm_add_ps(_mm_movelh_ps(q[2], q[3]), _mm_movehl_ps(q[3], q[2]));
    _mm_storeu_ps(out, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xDD)));
#else
    out[0] = sum(a);
    out[1] = sum(b);
    out[2] = sum(c);
    out[3] = sum(d);
#endif
}

/* exp(x) = 2^n * exp(r), |r| <= ln 2 / 2, with Cephes' polynomial (Moshier, expf.c): within 2 ulp. Below -87.3 it is 0, above
 * 88.3 it stays at exp(88.3) = 2.2e38. */
INLINE vf vexp(vf x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: what is added to it is rounded to an integer */
    const vi tiny = x < splat(-87.33654f);
    x = vmin(vmax(x, splat(-87.33654f)), splat(88.3f));
    const vf t = x * 1.44269504088896341f + magic;
    const vf n = t - magic;
    vf r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vf p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const vi bits = (vi)p + (((vi)t - (vi)splat(magic)) << 23);
    return (vf)(~tiny & bits);
}

#endif
