/* SPDX-License-Identifier: Apache-2.0 */
/** @file pixels.h
 *  Filters over 8-bit pixels: see ops/pixels.h.
 */
#ifndef OPATRAIN_OPS_SIMD_PIXELS_H
#define OPATRAIN_OPS_SIMD_PIXELS_H

#include "ops/pixels.h"
#include "ops/simd/simd.h"
#include "ops/simd/vector.h"

#define HALF (1 << (OPS_FILTER_BITS - 1))

INLINE uint8_t clip_pixel(int32_t sum)
{
    const int32_t v = sum >> OPS_FILTER_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

INLINE vi load_pixels(const uint8_t *p)
{
    vb bytes;
    memcpy(&bytes, p, sizeof bytes);
#if defined __AVX512F__
    return (vi)_mm512_cvtepu8_epi32((__m128i)bytes);
#elif defined __AVX2__
    return (vi)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
#else
    return __builtin_convertvector(bytes, vi);
#endif
}

INLINE vi load_coefficients(const int32_t *p)
{
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The zeros behind the last coefficient make whole vectors of the rest. */
INLINE int32_t filter_pixel(const uint8_t *pixels, const int32_t *coefficients, size_t count)
{
    vi acc = {0};
    for (size_t x = 0; x < count; x += LANES)
        acc += load_pixels(pixels + x) * load_coefficients(coefficients + x);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            acc[i] += acc[i + half];
    return acc[0] + HALF;
}

static void filter_row(uint8_t *out, const uint8_t *const planes[3], const ops_filter *filter)
{
    for (size_t i = 0; i < filter->outputs; i++)
        for (int c = 0; c < 3; c++)
            *out++ = clip_pixel(
                filter_pixel(planes[c] + filter->first[i], filter->coefficients + i * filter->taps, filter->count[i]));
}

/* Strips of a row stay in registers while the rows pass by. */
static void filter_column(uint8_t *out, const uint8_t *rows, size_t n, const int32_t *coefficients, size_t count)
{
    enum { STRIP = 4 * LANES };
    size_t i = 0;
    for (; i + STRIP <= n; i += STRIP) {
        vi acc[4];
        for (int s = 0; s < 4; s++)
            acc[s] = (vi){0} + HALF;
        for (size_t y = 0; y < count; y++)
            for (int s = 0; s < 4; s++)
                acc[s] += load_pixels(rows + y * n + i + (size_t)s * LANES) * coefficients[y];
        for (int s = 0; s < STRIP; s++)
            out[i + (size_t)s] = clip_pixel(acc[s / LANES][s % LANES]);
    }
    for (; i < n; i++) {
        int32_t acc = HALF;
        for (size_t y = 0; y < count; y++)
            acc += rows[y * n + i] * coefficients[y];
        out[i] = clip_pixel(acc);
    }
}

static void split_rgb(uint8_t *const planes[3], const uint8_t *rgb, size_t n)
{
    uint8_t *restrict r = planes[0], *restrict g = planes[1], *restrict b = planes[2];
    for (size_t i = 0; i < n; i++) {
        r[i] = rgb[3 * i];
        g[i] = rgb[3 * i + 1];
        b[i] = rgb[3 * i + 2];
    }
}

#undef HALF
#endif
