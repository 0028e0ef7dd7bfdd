/* SPDX-License-Identifier: Apache-2.0 */
/** @file masking.h
 *  The masked image m' of image pairs (OPA-DPO, section 3.3): drawn positions of the normalised tensor become its mean.
 */
#ifndef OPATRAIN_MASKING_H
#define OPATRAIN_MASKING_H

#include "trainer.h"

enum mask_method { MASK_NONE, MASK_PIXELS, MASK_PATCHES };

struct mask {
    enum mask_method method;
    double ratio;
    uint64_t seed;
};

/** The scalar mean of a tensor of @p n elements: summed in float64, rounded to float32. */
float mask_fill(const float *pixels, size_t n);
/** out [3, size, size] = pixels with the drawn positions of all channels set to mask_fill(); MASK_PATCHES draws squares of
 *  @p patch. OPA_ENOMEM. */
int mask_apply(struct trainer *t, float *out, const float *pixels, size_t size, size_t patch, const struct mask *mask);

/** The place of @p mask among the *count different ones of @p masks; a new one is appended, for which there is room. */
size_t mask_place(struct mask *masks, size_t *count, const struct mask *mask);

#endif
