/* SPDX-License-Identifier: Apache-2.0 */
/** @file vision.h
 *  From an image file's bytes to what the language model sees: pixels, masks, features.
 */
#ifndef OPATRAIN_VISION_H
#define OPATRAIN_VISION_H

#include "masking.h"
#include "session.h"

enum { VISION_MAX_MASKS = 4 };

/** The versions of one image: clean first, then masked ones. */
struct vision {
    float *pixels;   /**< [versions, views, 3, size, size] */
    float *features; /**< [versions, rows, text hidden] */
    size_t pixel_capacity, feature_capacity;
    size_t versions;
    size_t views;            /**< of one version: 1, but for OneVision */
    size_t rows;             /**< that it takes in the language model */
    struct anyres_plan plan; /**< OneVision: how the views were cut */
};

/** Pixels of @p image only, clean and under each of @p masks. Errors as vision_see(). */
int vision_look(struct session *session, struct vision *out, opa_text image, const struct mask *masks, size_t count);
/** Normalised pixels [3, size, size] of version @p i. */
const float *vision_pixels(const struct session *session, const struct vision *vision, size_t i);
/** Pixels and features of @p image, clean and under each of @p masks. Zero *out before the first use; it is used again by the
 *  next call. OPA_ERECORD: a damaged or unreadable image (the message says how); OPA_ENOMEM. OneVision takes no mask: what
 *  the pack's masks cover is one square of pixels. */
int vision_see(struct session *session, struct vision *out, opa_text image, const struct mask *masks, size_t count);
/** Features of version @p i. */
const float *vision_features(const struct session *session, const struct vision *vision, size_t i);
void vision_release(struct vision *vision);

#endif
