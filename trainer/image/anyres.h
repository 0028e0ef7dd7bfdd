/* SPDX-License-Identifier: Apache-2.0 */
/** @file anyres.h
 *  How LLaVA-OneVision cuts an image (arXiv 2408.03326, section 3.2; transformers' LlavaOnevisionImageProcessor and
 *  pack_image_features): the whole image at the tower's size, and the image fitted into the best of some resolutions, cut
 *  into tiles of that size. Behind the tower the tiles' patches are one large grid again; what was padding is cut off, and
 *  a grid of too many patches is made smaller.
 *
 *      view 0      views 1 to 6                    grid of patches               rows of the language model
 *      [image]     [padding      padding]   tower  [x x x x x x x x x x x x]     those of view 0, then the grid's, line
 *                  [tile][tile][tile]       ---->  [x x x x x x x x x x x x]     by line with a newline behind each
 */
#ifndef OPATRAIN_IMAGE_ANYRES_H
#define OPATRAIN_IMAGE_ANYRES_H

#include "image/preprocess.h"

enum { ANYRES_MAX_RESOLUTIONS = 64 };

/** What config.json says. */
struct anyres_config {
    uint32_t height[ANYRES_MAX_RESOLUTIONS],
        width[ANYRES_MAX_RESOLUTIONS]; /**< image_grid_pinpoints: multiples of a view */
    size_t count;
    uint32_t most; /**< vision_aspect_ratio "anyres_max_9": a grid of over 1.1^2 times so many views' patches shrinks */
};

struct anyres_plan {
    uint32_t width, height;         /**< of the canvas that is cut into tiles */
    uint32_t fit_width, fit_height; /**< of the image in its middle */
    size_t across, down;            /**< tiles */
    size_t top, left;               /**< patches of padding that are cut off on either side */
    size_t grid_rows, grid_cols;    /**< patches that are left */
    size_t rows, cols;              /**< of the grid that goes on: fewer where it was too large */
};

/** Plan an image of these pixels. @p view: pixels of a view's side, @p side: its patches. */
void anyres_choose(struct anyres_plan *out, const struct anyres_config *config, uint32_t width, uint32_t height,
                   uint32_t view, size_t side);
/** Views of an image, and the rows that it takes in the language model. */
size_t anyres_views(const struct anyres_plan *plan);
size_t anyres_rows(const struct anyres_plan *plan, size_t side);
/** No image takes more. */
size_t anyres_most_views(const struct anyres_config *config, uint32_t view);
size_t anyres_most_rows(const struct anyres_config *config, uint32_t view, size_t side);

/** Normalised views @p out [views, 3, size, size] of @p image, with Pillow 9.4's bicubic filter. OPA_ENOMEM. */
int anyres_cut(const ops_context *ops, float *out, const opa_image *image, const struct anyres_plan *plan,
               const image_spec *spec);

/** Rows of the language model @p out [anyres_rows(), width] from projected patches @p views [views, side * side, width] and
 *  the newline's [width]. The grid shrinks as torch's interpolate(mode="bilinear") makes it. */
void anyres_pack(float *out, const float *views, const float *newline, const struct anyres_plan *plan, size_t side,
                 size_t width);

#endif
