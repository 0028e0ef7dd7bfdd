/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

enum { MOST = 1 << 24 }; /* of any size in a config: keeps products in 64 bits */

static bool activation_named(ops_activation *out, opa_text name)
{
    static const struct {
        const char *name;
        ops_activation f;
    } known[] = {{"gelu", OPS_GELU},          {"gelu_pytorch_tanh", OPS_GELU_TANH},
                 {"gelu_new", OPS_GELU_TANH}, {"quick_gelu", OPS_QUICK_GELU},
                 {"silu", OPS_SILU},          {"relu", OPS_RELU}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text_is(name, known[i].name)) {
            *out = known[i].f;
            return true;
        }
    }
    return false;
}

static ops_activation read_activation(struct fields *f, const char *key, const char *otherwise)
{
    ops_activation out = OPS_IDENTITY;
    const opa_text name = fields_text(f, key, otherwise);
    if (!activation_named(&out, name))
        fields_fail(f, OPA_EUNSUPPORTED, "%s '%.*s' is not built in", key, (int)(name.size < 40 ? name.size : 40),
                    name.data ? name.data : "");
    return out;
}

static size_t read_size(struct fields *f, const char *key, int64_t otherwise)
{
    return (size_t)fields_integer(f, key, otherwise, 1, MOST);
}

/* ---- rotary positions ---- */

static void read_rope_kind(struct fields *f, struct rope_config *out)
{
    const opa_text old = fields_text(f, "type", "default"), kind = fields_text(f, "rope_type", NULL);
    const opa_text name = kind.data ? kind : old;
    if (text_is(name, "default"))
        out->kind = ROPE_DEFAULT;
    else if (text_is(name, "linear"))
        out->kind = ROPE_LINEAR;
    else if (text_is(name, "llama3"))
        out->kind = ROPE_LLAMA3;
    else
        fields_fail(f, OPA_EUNSUPPORTED, "rope_type '%.*s' is not built in (default, linear, llama3 are)",
                    (int)(name.size < 40 ? name.size : 40), name.data);
}

static void read_rope(struct fields *f, struct rope_config *out, size_t max_positions)
{
    *out = (struct rope_config){.theta = fields_number(f, "rope_theta", 10000.0), .factor = 1.0};
    const char *key = fields_has(f, "rope_parameters") ? "rope_parameters" : "rope_scaling";
    struct fields r = fields_object(f, key, f->where);
    if (r.object != NULL) {
        read_rope_kind(&r, out);
        out->theta = fields_number(&r, "rope_theta", out->theta);
        out->factor = fields_number(&r, "factor", 1.0);
        out->low = fields_number(&r, "low_freq_factor", 1.0);
        out->high = fields_number(&r, "high_freq_factor", 4.0);
        out->original_length = fields_number(&r, "original_max_position_embeddings", (double)max_positions);
    }
    f->status = r.status;
    if (out->theta <= 0 || out->factor <= 0 ||
        (out->kind == ROPE_LLAMA3 && (out->high <= out->low || out->low <= 0 || out->original_length <= 0)))
        fields_fail(f, OPA_EDATA, "the rotary parameters make no sense");
}

/* The medium frequencies of llama3 pass from scaled to unscaled. */
static float llama3_frequency(float f, const struct rope_config *c)
{
    const float two_pi = 6.283185307179586f, wavelength = two_pi / f;
    const float low_length = (float)(c->original_length / c->low), high_length = (float)(c->original_length / c->high);
    if (wavelength > low_length)
        return f / (float)c->factor;
    if (wavelength < high_length)
        return f;
    const float smooth = ((float)c->original_length / wavelength - (float)c->low) / (float)(c->high - c->low);
    return (1 - smooth) * f / (float)c->factor + smooth * f;
}

void rope_frequencies(float *out, const struct rope_config *config, size_t head_dim)
{
    for (size_t i = 0; i < head_dim / 2; i++) {
        const float f = 1.0f / powf((float)config->theta, (float)(2 * i) / (float)head_dim);
        out[i] = config->kind == ROPE_LINEAR   ? f / (float)config->factor
                 : config->kind == ROPE_LLAMA3 ? llama3_frequency(f, config)
                                               : f;
    }
}

/* ---- the language model ---- */

static void read_llama(struct fields *f, struct llama_config *out)
{
    *out = (struct llama_config){
        .hidden = read_size(f, "hidden_size", 4096),
        .intermediate = read_size(f, "intermediate_size", 11008),
        .layers = read_size(f, "num_hidden_layers", 32),
        .heads = read_size(f, "num_attention_heads", 32),
        .vocabulary = read_size(f, "vocab_size", 32000),
        .max_positions = read_size(f, "max_position_embeddings", 2048),
        .rms_eps = fields_number(f, "rms_norm_eps", 1e-6),
        .tied = fields_bool(f, "tie_word_embeddings", false),
        .attention_bias = fields_bool(f, "attention_bias", false),
        .mlp_bias = fields_bool(f, "mlp_bias", false),
    };
    out->kv_heads = read_size(f, "num_key_value_heads", (int64_t)out->heads);
    out->head_dim = read_size(f, "head_dim", (int64_t)(out->hidden / out->heads));
    if (out->heads % out->kv_heads != 0)
        fields_fail(f, OPA_EDATA, "num_attention_heads is no multiple of num_key_value_heads");
    if (out->head_dim % 2 != 0 || out->head_dim > 512)
        fields_fail(f, OPA_EUNSUPPORTED, "heads of %zu numbers: an even size up to 512 is needed", out->head_dim);
    if (read_activation(f, "hidden_act", "silu") != OPS_SILU)
        fields_fail(f, OPA_EUNSUPPORTED, "hidden_act of LLaMA is silu");
    if (fields_has(f, "quantization_config"))
        fields_fail(f, OPA_EUNSUPPORTED, "quantised weights are not read; F32, F16 and BF16 are");
    read_rope(f, &out->rope, out->max_positions);
}

/* ---- LLaVA ---- */

/* LlavaConfig without a vision_config is ViT-L/14 at 336; one that leaves out fields has CLIPVisionConfig's defaults. */
static void read_vision(struct fields *f, struct clip_config *out)
{
    const bool given = f->object != NULL;
    *out = (struct clip_config){
        .hidden = read_size(f, "hidden_size", given ? 768 : 1024),
        .intermediate = read_size(f, "intermediate_size", given ? 3072 : 4096),
        .layers = read_size(f, "num_hidden_layers", given ? 12 : 24),
        .heads = read_size(f, "num_attention_heads", given ? 12 : 16),
        .image_size = read_size(f, "image_size", given ? 224 : 336),
        .patch_size = read_size(f, "patch_size", given ? 32 : 14),
        .eps = fields_number(f, "layer_norm_eps", 1e-5),
        .activation = read_activation(f, "hidden_act", "quick_gelu"),
    };
    const opa_text type = fields_text(f, "model_type", "clip_vision_model");
    if (!text_is(type, "clip_vision_model") && !text_is(type, "clip"))
        fields_fail(f, OPA_EUNSUPPORTED, "a vision tower of type '%.*s' is not built in (clip_vision_model is)",
                    (int)(type.size < 40 ? type.size : 40), type.data);
    if (fields_integer(f, "num_channels", 3, 1, MOST) != 3)
        fields_fail(f, OPA_EUNSUPPORTED, "num_channels: 3 is built in");
    if (out->hidden % out->heads != 0 || out->hidden / out->heads > 512)
        fields_fail(f, OPA_EDATA, "hidden_size does not divide into num_attention_heads");
    if (out->image_size < out->patch_size || out->image_size > 4096)
        fields_fail(f, OPA_EDATA, "image_size holds no patch, or is over 4096");
}

static int64_t read_feature_layer(struct fields *f, const char *key)
{
    double layers[1] = {-2};
    const size_t n = fields_numbers(f, key, layers, 1, true);
    if (n == 1 && layers[0] != (double)(int64_t)layers[0])
        fields_fail(f, OPA_EDATA, "%s is no whole number", key);
    return n == 1 && layers[0] > -1e6 && layers[0] < 1e6 ? (int64_t)layers[0] : -2;
}

static void check_feature_layer(struct fields *f, const struct model_config *c)
{
    const int64_t layers = (int64_t)c->vision.layers;
    if (c->feature_layer > layers || c->feature_layer < -layers - 1)
        fields_fail(f, OPA_EDATA, "feature layer %lld of a tower of %lld layers", (long long)c->feature_layer,
                    (long long)layers);
}

static void read_llava_hf(struct fields *f, struct model_config *out, const char *text_where, const char *vision_where)
{
    struct fields text = fields_object(f, "text_config", text_where);
    const opa_text type = fields_text(&text, "model_type", "llama");
    if (!text_is(type, "llama"))
        fields_fail(&text, OPA_EUNSUPPORTED, "a language model of type '%.*s' is not built in (llama is)",
                    (int)(type.size < 40 ? type.size : 40), type.data);
    read_llama(&text, &out->text);
    if (!fields_has(&text, "tie_word_embeddings"))
        out->text.tied = fields_bool(f, "tie_word_embeddings", false);
    f->status = f->status != OPA_OK ? f->status : text.status;
    struct fields vision = fields_object(f, "vision_config", vision_where);
    read_vision(&vision, &out->vision);
    f->status = f->status != OPA_OK ? f->status : vision.status;
    out->vision_known = true;
    out->feature_layer = read_feature_layer(f, "vision_feature_layer");
    const opa_text strategy = fields_text(f, "vision_feature_select_strategy", "default");
    out->keep_class = text_is(strategy, "full");
    if (!out->keep_class && !text_is(strategy, "default"))
        fields_fail(f, OPA_EDATA, "vision_feature_select_strategy is neither default nor full");
    out->projector_bias = fields_bool(f, "multimodal_projector_bias", true);
    out->projector_activation = read_activation(f, "projector_hidden_act", "gelu");
    const char *image_key = fields_has(f, "image_token_id") ? "image_token_id" : "image_token_index";
    out->image_token = (int32_t)fields_integer(f, image_key, 32000, 0, INT32_MAX);
    check_feature_layer(f, out);
}

static void read_llava_original(struct fields *f, struct model_config *out)
{
    read_llama(f, &out->text);
    out->original = true;
    out->image_token = -1;
    out->feature_layer = read_feature_layer(f, "mm_vision_select_layer");
    const opa_text feature = fields_text(f, "mm_vision_select_feature", "patch");
    out->keep_class = text_is(feature, "cls_patch");
    if (!out->keep_class && !text_is(feature, "patch"))
        fields_fail(f, OPA_EDATA, "mm_vision_select_feature is neither patch nor cls_patch");
    if (!text_is(fields_text(f, "mm_projector_type", "linear"), "mlp2x_gelu"))
        fields_fail(f, OPA_EUNSUPPORTED, "mm_projector_type: mlp2x_gelu is built in");
    if (fields_bool(f, "mm_use_im_start_end", false))
        fields_fail(f, OPA_EUNSUPPORTED, "mm_use_im_start_end is not built in");
    out->projector_bias = true;
    out->projector_activation = OPS_GELU;
    const opa_text ratio = fields_text(f, "image_aspect_ratio", "square");
    if (ratio.size >= 6 && memcmp(ratio.data, "anyres", 6) == 0)
        fields_fail(f, OPA_EUNSUPPORTED, "image_aspect_ratio anyres is not built in");
    out->image_mode = text_is(ratio, "pad") ? IMAGE_PAD : IMAGE_CROP;
    out->vision_tower = json_strdup(fields_text(f, "mm_vision_tower", NULL));
}

/* ---- documents ---- */

/* eos_token_id: a number or a list. The first document that has one decides. */
static void read_eos(struct fields *f, struct model_config *out)
{
    double ids[MODEL_MAX_EOS];
    if (out->eos_count > 0)
        return;
    const size_t n = fields_numbers(f, "eos_token_id", ids, MODEL_MAX_EOS, true);
    for (size_t i = 0; i < n && f->status == OPA_OK; i++) {
        if (ids[i] < 0 || ids[i] > INT32_MAX)
            fields_fail(f, OPA_EDATA, "eos_token_id %g", ids[i]);
        else
            out->eos[out->eos_count++] = (int32_t)ids[i];
    }
}

static void read_config(struct fields *f, struct model_config *out)
{
    const opa_text type = fields_text(f, "model_type", "");
    char text_where[300], vision_where[300];
    snprintf(text_where, sizeof text_where, "%.200s: text_config", f->where);
    snprintf(vision_where, sizeof vision_where, "%.200s: vision_config", f->where);
    out->family = FAMILY_LLAVA;
    if (text_is(type, "llava")) {
        if (fields_has(f, "mm_vision_tower"))
            read_llava_original(f, out);
        else
            read_llava_hf(f, out, text_where, vision_where);
    } else if (text_is(type, "llava_llama")) {
        read_llava_original(f, out);
    } else if (text_is(type, "llama")) {
        out->family = FAMILY_LLAMA;
        out->image_token = -1;
        read_llama(f, &out->text);
    } else {
        fields_fail(f, OPA_EUNSUPPORTED, "model_type '%.*s' is not built in (llava, llava_llama and llama are)",
                    (int)(type.size < 60 ? type.size : 60), type.data);
    }
}

int model_config_parse(struct trainer *t, struct model_config *out, opa_text bytes, const char *name)
{
    struct json_file file;
    *out = (struct model_config){0};
    int status = json_file_parse(t, &file, bytes, name);
    if (status != OPA_OK)
        return status;
    struct fields f = json_file_fields(t, &file, name);
    read_config(&f, out);
    read_eos(&f, out);
    struct fields text = fields_object(&f, "text_config", name);
    read_eos(&text, out);
    status = f.status != OPA_OK ? f.status : text.status;
    json_file_release(&file);
    if (status != OPA_OK)
        model_config_release(out);
    return status;
}

int model_config_parse_vision(struct trainer *t, struct model_config *out, opa_text bytes, const char *name)
{
    struct json_file file;
    const int status = json_file_parse(t, &file, bytes, name);
    if (status != OPA_OK)
        return status;
    struct fields f = json_file_fields(t, &file, name);
    struct fields inner = fields_object(&f, "vision_config", name);
    struct fields *vision = inner.object ? &inner : &f;
    read_vision(vision, &out->vision);
    out->vision_known = vision->status == OPA_OK;
    check_feature_layer(vision, out);
    json_file_release(&file);
    return vision->status;
}

static int read_generation_config(struct trainer *t, struct model_config *out, const char *dir)
{
    char *path = path_join(dir, "generation_config.json");
    struct json_file file;
    if (path == NULL)
        return trainer_fail_memory(t);
    int status = path_exists(path) ? json_file_open(t, &file, path) : OPA_ENOENT;
    if (status == OPA_OK) {
        struct fields f = json_file_fields(t, &file, path);
        const struct model_config before = *out;
        out->eos_count = 0;
        read_eos(&f, out);
        if (out->eos_count == 0)
            *out = before;
        status = f.status;
        json_file_release(&file);
    } else if (status == OPA_ENOENT) {
        status = OPA_OK;
    }
    free(path);
    return status;
}

int model_config_open(struct trainer *t, struct model_config *out, const char *dir)
{
    *out = (struct model_config){0};
    struct mapped map = {0};
    char *path = path_join(dir, "config.json");
    int status = path ? mapped_open(t, &map, path) : trainer_fail_memory(t);
    if (status == OPA_OK)
        status = model_config_parse(t, out, (opa_text){(const char *)map.data, map.size}, path);
    mapped_release(&map);
    free(path);
    if (status == OPA_OK)
        status = read_generation_config(t, out, dir);
    return status;
}

void model_config_release(struct model_config *config)
{
    free(config->vision_tower);
    *config = (struct model_config){0};
}

size_t clip_patches(const struct clip_config *config)
{
    const size_t side = config->image_size / config->patch_size;
    return side * side;
}

size_t model_image_tokens(const struct model_config *config)
{
    return config->family == FAMILY_LLAVA ? clip_patches(&config->vision) + config->keep_class : 0;
}

size_t model_vision_depth(const struct model_config *config)
{
    const int64_t layer = config->feature_layer;
    return (size_t)(layer >= 0 ? layer : (int64_t)config->vision.layers + 1 + layer);
}
