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

/* What a config leaves out: transformers' defaults of a vision_config, and the tower that stands for a missing one. */
struct tower_defaults {
    const char *type, *other; /* model_type; other: another name of it, or NULL */
    const char *activation;
    double eps;
    struct tower_sizes {
        int64_t hidden, intermediate, layers, heads, image_size, patch_size;
    } given, missing;
};

static const struct tower_defaults towers[] = {
    /* CLIPVisionConfig; LlavaConfig's ViT-L/14 at 336 */
    [TOWER_CLIP] =
        {"clip_vision_model", "clip", "quick_gelu", 1e-5, {768, 3072, 12, 12, 224, 32}, {1024, 4096, 24, 16, 336, 14}},
    /* SiglipVisionConfig; LlavaOnevisionConfig's so400m at 384 */
    [TOWER_SIGLIP] = {"siglip_vision_model",
                      NULL,
                      "gelu_pytorch_tanh",
                      1e-6,
                      {768, 3072, 12, 12, 224, 16},
                      {1152, 4304, 26, 16, 384, 14}},
};

void config_read_tower(struct fields *f, struct clip_config *out, enum tower tower)
{
    const struct tower_defaults *d = &towers[tower];
    const struct tower_sizes *n = f->object != NULL ? &d->given : &d->missing;
    *out = (struct clip_config){
        .tower = tower,
        .hidden = config_size(f, "hidden_size", n->hidden),
        .intermediate = config_size(f, "intermediate_size", n->intermediate),
        .layers = config_size(f, "num_hidden_layers", n->layers),
        .heads = config_size(f, "num_attention_heads", n->heads),
        .image_size = config_size(f, "image_size", n->image_size),
        .patch_size = config_size(f, "patch_size", n->patch_size),
        .eps = fields_number(f, "layer_norm_eps", d->eps),
        .activation = config_activation(f, "hidden_act", d->activation),
    };
    const opa_text type = fields_text(f, "model_type", d->type);
    if (!text_is(type, d->type) && !(d->other != NULL && text_is(type, d->other)))
        fields_fail(f, OPA_EUNSUPPORTED, "a vision tower of type '%.*s' is not built in here (%s is)",
                    (int)(type.size < 40 ? type.size : 40), type.data, d->type);
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
