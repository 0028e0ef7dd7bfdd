/* SPDX-License-Identifier: Apache-2.0 */
/** @file preprocess.h
 *  From an image's bytes to the tensor that a vision tower takes, equal to Pillow 9.4 and transformers' processors to the
 *  bit: opa_image_decode(), then pad or crop (below), then normalise. Damaged files are refused, also the few kinds of
 *  damage that Pillow passes over (see opa_image_decode()).
 */
#ifndef OPATRAIN_IMAGE_PREPROCESS_H
#define OPATRAIN_IMAGE_PREPROCESS_H

#include <opapairs/image.h>

#include "ops/ops.h"

typedef enum image_mode {
    IMAGE_PAD =
        0, /**< a square canvas of the mean colour, the image in its middle, then bicubic to the size (LLaVA-1.5) */
    IMAGE_CROP, /**< short side to resize, then a centre crop (CLIPImageProcessor) */
} image_mode;

/** What preprocessor_config.json says. */
typedef struct image_spec {
    image_mode mode;
    uint32_t size;          /**< of the result, pixels a side: crop_size */
    uint32_t resize;        /**< IMAGE_CROP: the short side after resizing: size.shortest_edge. 0: as size */
    double mean[3], std[3]; /**< as in the file; the tensor is made with their float32 values */
    double rescale;         /**< 1/255 = 0.00392156862745098 */
} image_spec;

/** CLIP's 336-pixel tower. */
#define IMAGE_SPEC_CLIP                                                                                                \
    (image_spec)                                                                                                       \
    {                                                                                                                  \
        .size = 336, .mean = {0.48145466, 0.4578275, 0.40821073}, .std = {0.26862954, 0.26130258, 0.27577711},         \
        .rescale = 0.00392156862745098                                                                                 \
    }

/** The pixels that the tower sees, before they are normalised: @p out [size, size, 3], u8. Beside it this takes the rows
 *  that are resized in one direction (size * 3 bytes for each row of the image), no padded copy. Uses the context's threads. 0
 *  or OPA_ENOMEM. */
int image_fit(const ops_context *ops, uint8_t *out, const opa_image *image, const image_spec *spec);

/** The whole image at another size, its aspect not kept: @p out [height, width, 3], u8, rows @p stride bytes apart. Uses the
 *  context's threads. 0 or OPA_ENOMEM. */
int image_resize(const ops_context *ops, uint8_t *out, size_t stride, const opa_image *image, uint32_t width,
                 uint32_t height);

/** out[c,y,x] = (f32(u8 * rescale) - mean[c]) / std[c], f32, with the roundings of transformers. @p pixels [size, size, 3],
 *  @p out [3, size, size]. */
void image_normalise(float *out, const uint8_t *pixels, const image_spec *spec);

/** Decode, fit, normalise. @p out [3, size, size]; @p pixels [size, size, 3] or NULL. What opa_image_decode() returns
 *  (OPA_ERECORD with a finding for a damaged file), or OPA_ENOMEM. */
int image_preprocess(opa_context *ctx, const ops_context *ops, float *out, uint8_t *pixels, opa_text bytes,
                     const image_spec *spec, opa_findings *findings);

#endif
