/* SPDX-License-Identifier: Apache-2.0 */
/** @file model.h
 *  A checkpoint folder, ready to run: config, weights (mapped, in their stored type), preprocessing and tokenizer.
 */
#ifndef OPATRAIN_MODEL_MODEL_H
#define OPATRAIN_MODEL_MODEL_H

#include "model/clip.h"
#include "model/llama.h"
#include "model/onevision.h"

struct model_options {
    const char *vision_tower; /**< folder of the tower, for the original layout; NULL: what config.json says */
    const char *image_mode;   /**< "pad" or "crop"; NULL: as the reference does for this layout */
};

struct model {
    struct model_config config;
    struct safetensors *weights, *tower; /**< tower: NULL where it is among the weights */
    char *tower_dir;                     /**< its folder; NULL */
    struct loader loader;
    struct llama llama;
    /* with a tower only */
    struct clip clip;
    struct projector projector;
    struct onevision onevision; /**< OneVision only */
    image_spec image;
    opa_tokenizer *tokenizer;
};

/** Open a checkpoint. Errors name the file and, where one is at fault, the tensor with what was expected. OPA_ENOENT,
 *  OPA_EDATA, OPA_EUNSUPPORTED, OPA_EIO. Free with model_free(). */
int model_open(struct trainer *t, struct model **out, const char *dir, const struct model_options *options);
void model_free(struct model *model);

/** Bytes of all weights. */
uint64_t model_bytes(const struct model *model);
/** Has it a vision tower? */
bool model_sees(const struct model *model);
/** Rows that an image takes, 0 for a model without a tower; the most that one takes where they differ (OneVision). */
size_t model_image_rows(const struct model *model);
/** Is linear layer @p id behind the tower's feature layer? Nothing goes through it. */
bool model_is_idle(const struct model *model, size_t id);

/** LLaVA: projected features out [images, image rows, text hidden] of normalised pixels [images, 3, size, size]. */
int model_see(struct trainer *t, const struct model *model, const struct adapter *adapter, float *out,
              const float *pixels, size_t images, struct scratch *scratch);

#endif
