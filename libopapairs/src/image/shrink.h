/* SPDX-License-Identifier: Apache-2.0 */
/** @file shrink.h
 *  Making decoded images smaller.
 */
#ifndef OPA_IMAGE_SHRINK_H
#define OPA_IMAGE_SHRINK_H

#include <opapairs/image.h>

/** The largest size in the proportions of @p width x @p height that fits into @p most_width x @p most_height, at least 1
 * on each side and never larger than the image: out[0] is the width. */
void opa_image_fit(uint32_t out[2], uint32_t width, uint32_t height, uint32_t most_width, uint32_t most_height);
/** Scale down to @p width x @p height, at most the image's own size: pixel x is the rounded mean of the columns from
 * floor(x * W / w) up to floor((x + 1) * W / w), rows likewise. OPA_ENOMEM. */
int opa_image_shrink(opa_image *out, const opa_image *image, uint32_t width, uint32_t height);

#endif
