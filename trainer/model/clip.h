/* SPDX-License-Identifier: Apache-2.0 */
/** @file clip.h
 *  CLIP's vision transformer (arXiv 2103.00020) as LLaVA uses it, the hidden state behind one layer, without the class
 *  token as a rule; SigLIP's, which has no such token; and LLaVA's projector into the language model.
 */
#ifndef OPATRAIN_MODEL_CLIP_H
#define OPATRAIN_MODEL_CLIP_H

#include "model/loader.h"

struct clip_norm {
    const float *weight, *bias;
};

struct clip_layer {
    struct clip_norm norm1, norm2;
    struct linear q, k, v, out, fc1, fc2;
};

struct clip {
    struct clip_config config;
    size_t depth;            /**< layers up to the feature layer: those that are run */
    size_t skip;             /**< leading tokens whose features do not go on: the class token, as a rule */
    const float *class_row;  /**< [hidden]; CLIP */
    const float *positions;  /**< [tokens, hidden] */
    ops_matrix patch;        /**< [hidden, 3 * patch * patch]: the convolution, whose steps do not overlap */
    const float *patch_bias; /**< [hidden]; SigLIP */
    struct clip_norm pre;    /**< CLIP */
    struct clip_layer *layers;
};

int clip_load(struct loader *loader, struct clip *out, const struct model_config *config);
void clip_release(struct clip *clip);

/** Features [images, view rows, hidden] of normalised pixels [images, 3, size, size]. OPA_ENOMEM. */
int clip_forward(struct trainer *t, const struct clip *clip, const struct adapter *adapter, float *out,
                 const float *pixels, size_t images, struct scratch *scratch);
size_t clip_scratch(const struct clip *clip, const struct adapter *adapter, size_t images);

/** What goes into the first layer for one image: h [tokens, hidden]. @p patches [patches, patch.cols] is scratch. */
void clip_embed(const ops_context *ops, const struct clip *clip, float *h, const float *pixels, float *patches);

struct projector {
    struct linear first, second;
    ops_activation activation;
};
int projector_load(struct loader *loader, struct projector *out, const struct model_config *config);
/** out [rows, text hidden] = second(f(first(x))), x [rows, vision hidden]. */
int projector_forward(struct trainer *t, const struct projector *projector, const struct adapter *adapter, float *out,
                      const float *x, size_t rows, struct scratch *scratch);

#endif
