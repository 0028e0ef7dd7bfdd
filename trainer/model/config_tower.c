/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of a vision tower. */
#include "model/config_read.h"

static void check_vision(struct fields *f, const struct clip_config *out)
{
    if (fields_integer(f, "num_channels", 3, 1, CONFIG_MOST) != 3)
        fields_fail(f, OPA_EUNSUPPORTED, "num_channels: 3 is built in");
    if (out->hidden % out->heads != 0 || out->hidden / out->heads > 512)
        fields_fail(f, OPA_EDATA, "hidden_size does not divide into num_attention_heads");
    if (out->image_size < out->patch_size || out->image_size > 4096)
        fields_fail(f, OPA_EDATA, "image_size holds no patch, or is over 4096");
}

/* LlavaConfig without a vision_config is ViT-L/14 at 336; one that leaves out fields has CLIPVisionConfig's defaults. */
void config_read_clip(struct fields *f, struct clip_config *out)
{
    const bool given = f->object != NULL;
    *out = (struct clip_config){
        .hidden = config_size(f, "hidden_size", given ? 768 : 1024),
        .intermediate = config_size(f, "intermediate_size", given ? 3072 : 4096),
        .layers = config_size(f, "num_hidden_layers", given ? 12 : 24),
        .heads = config_size(f, "num_attention_heads", given ? 12 : 16),
        .image_size = config_size(f, "image_size", given ? 224 : 336),
        .patch_size = config_size(f, "patch_size", given ? 32 : 14),
        .eps = fields_number(f, "layer_norm_eps", 1e-5),
        .activation = config_activation(f, "hidden_act", "quick_gelu"),
    };
    const opa_text type = fields_text(f, "model_type", "clip_vision_model");
    if (!text_is(type, "clip_vision_model") && !text_is(type, "clip"))
        fields_fail(f, OPA_EUNSUPPORTED, "a vision tower of type '%.*s' is not built in (clip_vision_model is)",
                    (int)(type.size < 40 ? type.size : 40), type.data);
    check_vision(f, out);
}

/* LlavaOnevisionConfig without a vision_config is so400m at 384; one that leaves out fields has SiglipVisionConfig's
 * defaults. */
void config_read_siglip(struct fields *f, struct clip_config *out)
{
    const bool given = f->object != NULL;
    *out = (struct clip_config){
        .tower = TOWER_SIGLIP,
        .hidden = config_size(f, "hidden_size", given ? 768 : 1152),
        .intermediate = config_size(f, "intermediate_size", given ? 3072 : 4304),
        .layers = config_size(f, "num_hidden_layers", given ? 12 : 26),
        .heads = config_size(f, "num_attention_heads", given ? 12 : 16),
        .image_size = config_size(f, "image_size", given ? 224 : 384),
        .patch_size = config_size(f, "patch_size", given ? 16 : 14),
        .eps = fields_number(f, "layer_norm_eps", 1e-6),
        .activation = config_activation(f, "hidden_act", "gelu_pytorch_tanh"),
    };
    const opa_text type = fields_text(f, "model_type", "siglip_vision_model");
    if (!text_is(type, "siglip_vision_model"))
        fields_fail(f, OPA_EUNSUPPORTED, "a vision tower of type '%.*s' is not built in (siglip_vision_model is)",
                    (int)(type.size < 40 ? type.size : 40), type.data);
    check_vision(f, out);
}

int64_t config_feature_layer(struct fields *f, const char *key, int64_t otherwise)
{
    double layers[1] = {(double)otherwise};
    const size_t n = fields_numbers(f, key, layers, 1, true);
    if (n == 1 && layers[0] != (double)(int64_t)layers[0])
        fields_fail(f, OPA_EDATA, "%s is no whole number", key);
    return n == 1 && layers[0] > -1e6 && layers[0] < 1e6 ? (int64_t)layers[0] : otherwise;
}

void config_check_feature_layer(struct fields *f, const struct model_config *c)
{
    const int64_t layers = (int64_t)c->vision.layers;
    if (c->feature_layer > layers || c->feature_layer < -layers - 1)
        fields_fail(f, OPA_EDATA, "feature layer %lld of a tower of %lld layers", (long long)c->feature_layer,
                    (long long)layers);
}

size_t clip_patches(const struct clip_config *config)
{
    const size_t side = config->image_size / config->patch_size;
    return side * side;
}

size_t clip_tokens(const struct clip_config *config)
{
    return clip_patches(config) + (config->tower == TOWER_CLIP);
}

size_t model_view_rows(const struct model_config *config)
{
    return config->family == FAMILY_LLAMA ? 0 : clip_patches(&config->vision) + config->keep_class;
}

bool model_config_sees(const struct model_config *config)
{
    return config->family != FAMILY_LLAMA;
}

size_t model_vision_depth(const struct model_config *config)
{
    const int64_t layer = config->feature_layer;
    return (size_t)(layer >= 0 ? layer : (int64_t)config->vision.layers + 1 + layer);
}
