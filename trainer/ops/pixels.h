/* SPDX-License-Identifier: Apache-2.0 */
/** @file pixels.h
 *  Filters over 8-bit pixels in Pillow's fixed-point arithmetic (libImaging/Resample.c): coefficients have 22 bits behind the
 *  point, a sum is rounded and clipped to 0..255. Integers only, so every instruction set gives the same bytes.
 */
#ifndef OPATRAIN_OPS_PIXELS_H
#define OPATRAIN_OPS_PIXELS_H

#include "ops/ops.h"

#define OPS_FILTER_BITS 22
/** Coefficients of an output are filled up with zeros to a multiple of this, and may be read with as many bytes of pixels. */
#define OPS_FILTER_UNIT 16

/** Which inputs an output is made of, and how much of each. */
typedef struct ops_filter {
    size_t outputs;
    size_t taps;           /**< coefficients to an output, a multiple of OPS_FILTER_UNIT */
    uint32_t *first;       /**< [outputs] first input */
    uint32_t *count;       /**< [outputs] inputs, at most taps */
    int32_t *coefficients; /**< [outputs, taps], zero from count on */
} ops_filter;

/** Horizontally: @p out [outputs, 3] from three planes of a row. A plane is followed by OPS_FILTER_UNIT readable bytes. */
void ops_filter_row(const ops_context *ctx, uint8_t *out, const uint8_t *const planes[3], const ops_filter *filter);
/** Vertically: output @p at, @p out [n], from rows [.., n] without gaps. */
void ops_filter_column(const ops_context *ctx, uint8_t *out, const uint8_t *rows, size_t n, const ops_filter *filter,
                       size_t at);
/** Take a row of @p n pixels apart. */
void ops_split_rgb(const ops_context *ctx, uint8_t *const planes[3], const uint8_t *rgb, size_t n);

#endif
