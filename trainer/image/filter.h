/* SPDX-License-Identifier: Apache-2.0 */
/** @file filter.h
 *  The coefficients of Pillow's bicubic filter (a = -1/2), which is widened by the scale when an image shrinks.
 */
#ifndef OPATRAIN_IMAGE_FILTER_H
#define OPATRAIN_IMAGE_FILTER_H

#include "ops/pixels.h"

/** Outputs [begin, begin + count) of a row of @p in pixels that is resized to @p out pixels. Arithmetic and roundings are
 *  those of precompute_coeffs() and normalize_coeffs_8bpc() in Pillow 9.4. 0 or OPA_ENOMEM; release with
 *  image_filter_release(). */
int image_filter_init(ops_filter *filter, uint32_t in, uint64_t out, uint64_t begin, uint32_t count);
void image_filter_release(ops_filter *filter);

#endif
