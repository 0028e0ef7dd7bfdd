/* SPDX-License-Identifier: Apache-2.0 */
/** @file onevision.h
 *  LLaVA-OneVision (arXiv 2408.03326): SigLIP's tower over several views of an image, LLaVA's projector, Qwen2. What is its
 *  own: how many rows an image takes, and how the views' features become them.
 */
#ifndef OPATRAIN_MODEL_ONEVISION_H
#define OPATRAIN_MODEL_ONEVISION_H

#include "model/clip.h"

struct onevision {
    const float *newline; /**< [text hidden] */
};

int onevision_load(struct loader *loader, struct onevision *out, const struct model_config *config);

struct model;
/** How an image of these pixels is cut. */
void onevision_choose(struct anyres_plan *out, const struct model *model, uint32_t width, uint32_t height);

/** Rows of the language model @p out [anyres_rows(), text hidden] from normalised views [views, 3, size, size]. OPA_ENOMEM. */
int onevision_see(struct trainer *t, const struct model *model, const struct adapter *adapter, float *out,
                  const float *views, const struct anyres_plan *plan, struct scratch *scratch);

#endif
