/* SPDX-License-Identifier: Apache-2.0 */
/** @file config.h
 *  What config.json and its neighbours say about a model, with the defaults of transformers' LlamaConfig, Qwen2Config,
 *  CLIPVisionConfig, SiglipVisionConfig, LlavaConfig and LlavaOnevisionConfig (released checkpoints leave out what equals
 *  them). Both dialects are read: rope_theta + rope_scaling (to 4.x) and rope_parameters (5.x).
 */
#ifndef OPATRAIN_MODEL_CONFIG_H
#define OPATRAIN_MODEL_CONFIG_H

#include "image/anyres.h"
#include "image/preprocess.h"
#include "ops/activation.h"
#include "trainer.h"

enum rope_kind { ROPE_DEFAULT, ROPE_LINEAR, ROPE_LLAMA3 };

struct rope_config {
    enum rope_kind kind;
    double theta;
    double factor;                     /**< linear, llama3 */
    double low, high, original_length; /**< llama3 */
};

struct llama_config {
    size_t hidden, intermediate, layers, heads, kv_heads, head_dim, vocabulary, max_positions;
    double rms_eps;
    struct rope_config rope;
    bool tied;                         /**< lm_head is the embedding */
    bool qkv_bias, out_bias, mlp_bias; /**< on q, k, v; on o; on gate, up, down */
};

/** CLIP's tower has a class token, and a norm before its layers; SigLIP's (arXiv 2303.15343) has neither, and a bias on its
 *  patches. */
enum tower { TOWER_CLIP, TOWER_SIGLIP };

struct clip_config {
    enum tower tower;
    size_t hidden, intermediate, layers, heads, image_size, patch_size;
    double eps;
    ops_activation activation;
};

enum family { FAMILY_LLAMA, FAMILY_LLAVA, FAMILY_ONEVISION };

enum { MODEL_MAX_EOS = 8 };

struct model_config {
    enum family family;
    bool original;            /**< LLaVA's own layout: LLaMA's keys, mm_projector, the tower in a folder of its own */
    struct llama_config text; /**< LLaMA, or Qwen2 */
    /* with a tower only */
    struct clip_config vision;
    bool vision_known;     /**< false: the tower's own config.json says it (original layout) */
    int64_t feature_layer; /**< as written: 0 embeddings, n behind layer n, negative from the end */
    bool keep_class;       /**< strategy "full": the class token's feature goes in too */
    bool projector_bias;
    ops_activation projector_activation;
    int32_t image_token;         /**< id that stands for an image in llava-hf's texts; -1 none */
    char *vision_tower;          /**< mm_vision_tower as written, owned; NULL */
    image_mode image_mode;       /**< how the reference fits images */
    struct anyres_config anyres; /**< OneVision only */
    int32_t eos[MODEL_MAX_EOS];
    size_t eos_count;
};

/** Read DIR/config.json and generation_config.json. OPA_ENOENT; OPA_EDATA: names file and field; OPA_EUNSUPPORTED: a family or
 *  a variant that is not built in. Release with model_config_release(). */
int model_config_open(struct trainer *t, struct model_config *out, const char *dir);
/** config.json from memory; @p name is for messages. */
int model_config_parse(struct trainer *t, struct model_config *out, opa_text bytes, const char *name);
/** The tower's own config.json into out->vision: a CLIPVisionConfig, or a CLIPConfig that holds one. */
int model_config_parse_vision(struct trainer *t, struct model_config *out, opa_text bytes, const char *name);
void model_config_release(struct model_config *config);

/** Has it a vision tower? */
bool model_config_sees(const struct model_config *config);
/** Patches of a view; its tokens in the tower; those that go on into the projector. */
size_t clip_patches(const struct clip_config *config);
size_t clip_tokens(const struct clip_config *config);
size_t model_view_rows(const struct model_config *config);
/** Layers of the tower that are run: those up to the feature layer. */
size_t model_vision_depth(const struct model_config *config);

/** Inverse frequencies [head_dim / 2] in the float32 arithmetic of transformers (modeling_rope_utils). */
void rope_frequencies(float *out, const struct rope_config *config, size_t head_dim);

/** preprocessor_config.json into *out, which holds the sizes' defaults before, or the image_processor of a processor_config.json,
 *  where transformers 5 writes it. OPA_EDATA: no mean or deviation, too; OPA_EUNSUPPORTED: another filter than bicubic. */
int image_spec_parse(struct trainer *t, image_spec *out, opa_text bytes, const char *name);

#endif
