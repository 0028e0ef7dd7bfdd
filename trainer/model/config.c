/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config_read.h"

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

ops_activation config_activation(struct fields *f, const char *key, const char *otherwise)
{
    ops_activation out = OPS_IDENTITY;
    const opa_text name = fields_text(f, key, otherwise);
    if (!activation_named(&out, name))
        fields_fail(f, OPA_EUNSUPPORTED, "%s '%.*s' is not built in", key, (int)(name.size < 40 ? name.size : 40),
                    name.data ? name.data : "");
    return out;
}

size_t config_size(struct fields *f, const char *key, int64_t otherwise)
{
    return (size_t)fields_integer(f, key, otherwise, 1, CONFIG_MOST);
}

/* ---- LLaVA ---- */

/* Where the parts of a document stand, for messages. */
struct places {
    char text[300], vision[300];
};

/* text_config, and what llava-hf's families say alike about the projector and the image's token. */
static void read_hf(struct fields *f, struct model_config *out, const struct places *places, const char *language,
                    int64_t image_token)
{
    struct fields text = fields_object(f, "text_config", places->text);
    const opa_text type = fields_text(&text, "model_type", language);
    if (!text_is(type, language))
        fields_fail(&text, OPA_EUNSUPPORTED, "a language model of type '%.*s' is not built in here (%s is)",
                    (int)(type.size < 40 ? type.size : 40), type.data, language);
    config_read_text(&text, &out->text, strcmp(language, "qwen2") == 0);
    if (!fields_has(&text, "tie_word_embeddings"))
        out->text.tied = fields_bool(f, "tie_word_embeddings", false);
    f->status = f->status != OPA_OK ? f->status : text.status;
    out->vision_known = true;
    out->projector_bias = fields_bool(f, "multimodal_projector_bias", true);
    out->projector_activation = config_activation(f, "projector_hidden_act", "gelu");
    const char *image_key = fields_has(f, "image_token_id") ? "image_token_id" : "image_token_index";
    out->image_token = (int32_t)fields_integer(f, image_key, image_token, 0, INT32_MAX);
}

static void read_llava_hf(struct fields *f, struct model_config *out, const struct places *places)
{
    read_hf(f, out, places, "llama", 32000);
    struct fields vision = fields_object(f, "vision_config", places->vision);
    config_read_tower(&vision, &out->vision, TOWER_CLIP);
    f->status = f->status != OPA_OK ? f->status : vision.status;
    out->feature_layer = config_feature_layer(f, "vision_feature_layer", -2);
    const opa_text strategy = fields_text(f, "vision_feature_select_strategy", "default");
    out->keep_class = text_is(strategy, "full");
    if (!out->keep_class && !text_is(strategy, "default"))
        fields_fail(f, OPA_EDATA, "vision_feature_select_strategy is neither default nor full");
    config_check_feature_layer(f, out);
}

static void read_llava_original(struct fields *f, struct model_config *out)
{
    config_read_text(f, &out->text, false);
    out->original = true;
    out->image_token = -1;
    out->feature_layer = config_feature_layer(f, "mm_vision_select_layer", -2);
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

/* ---- LLaVA-OneVision ---- */

/* image_grid_pinpoints: [[height, width], ...] */
static void read_resolutions(struct fields *f, struct model_config *out)
{
    const struct cJSON *list = opa_json_get(f->object, "image_grid_pinpoints");
    const double side = (double)out->vision.image_size;
    struct anyres_config *c = &out->anyres;
    for (const struct cJSON *item = json_first(list); item != NULL; item = json_next(item)) {
        double both[2];
        if (c->count == ANYRES_MAX_RESOLUTIONS || json_count(item) != 2 ||
            !opa_json_number(f->doc, json_first(item), &both[0]) ||
            !opa_json_number(f->doc, json_next(json_first(item)), &both[1]))
            break;
        for (int i = 0; i < 2; i++) {
            if (!(both[i] >= side && both[i] <= 64 * side) || fmod(both[i], side) != 0)
                fields_fail(f, OPA_EDATA,
                            "image_grid_pinpoints holds %g, which is no multiple of the tower's %g pixels", both[i],
                            side);
        }
        if (f->status != OPA_OK)
            return;
        c->height[c->count] = (uint32_t)both[0];
        c->width[c->count++] = (uint32_t)both[1];
    }
    if (c->count == 0 || c->count != json_count(list))
        fields_fail(f, OPA_EDATA, "image_grid_pinpoints holds no list of 1 to %d pairs [height, width]",
                    (int)ANYRES_MAX_RESOLUTIONS);
}

static void read_most_tiles(struct fields *f, struct anyres_config *out)
{
    static const char prefix[] = "anyres_max_";
    const opa_text ratio = fields_text(f, "vision_aspect_ratio", "anyres_max_9");
    const size_t skip = sizeof prefix - 1;
    if (ratio.size > skip && ratio.size <= skip + 3 && memcmp(ratio.data, prefix, skip) == 0) {
        size_t i = skip;
        for (; i < ratio.size && ratio.data[i] >= '0' && ratio.data[i] <= '9'; i++)
            out->most = 10 * out->most + (uint32_t)(ratio.data[i] - '0');
        out->most = i == ratio.size ? out->most : 0;
    }
    if (out->most == 0)
        fields_fail(f, OPA_EUNSUPPORTED, "vision_aspect_ratio: anyres_max_1 to anyres_max_999 are built in");
}

static void read_onevision(struct fields *f, struct model_config *out, const struct places *places)
{
    read_hf(f, out, places, "qwen2", 151646);
    struct fields vision = fields_object(f, "vision_config", places->vision);
    config_read_tower(&vision, &out->vision, TOWER_SIGLIP);
    f->status = f->status != OPA_OK ? f->status : vision.status;
    out->feature_layer = config_feature_layer(f, "vision_feature_layer", -1);
    if (!text_is(fields_text(f, "vision_feature_select_strategy", "full"), "full"))
        fields_fail(f, OPA_EUNSUPPORTED, "vision_feature_select_strategy: full is built in here");
    if (!fields_bool(f, "use_image_newline_parameter", true))
        fields_fail(f, OPA_EUNSUPPORTED, "use_image_newline_parameter false is not built in");
    if (f->status == OPA_OK)
        read_resolutions(f, out);
    read_most_tiles(f, &out->anyres);
    config_check_feature_layer(f, out);
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
    struct places places;
    snprintf(places.text, sizeof places.text, "%.200s: text_config", f->where);
    snprintf(places.vision, sizeof places.vision, "%.200s: vision_config", f->where);
    out->family = FAMILY_LLAVA;
    if (text_is(type, "llava")) {
        if (fields_has(f, "mm_vision_tower"))
            read_llava_original(f, out);
        else
            read_llava_hf(f, out, &places);
    } else if (text_is(type, "llava_llama")) {
        read_llava_original(f, out);
    } else if (text_is(type, "llava_onevision")) {
        out->family = FAMILY_ONEVISION;
        read_onevision(f, out, &places);
    } else if (text_is(type, "llama") || text_is(type, "qwen2")) {
        out->family = FAMILY_LLAMA;
        out->image_token = -1;
        config_read_text(f, &out->text, text_is(type, "qwen2"));
    } else {
        fields_fail(f, OPA_EUNSUPPORTED,
                    "model_type '%.*s' is not built in (llava, llava_llama, llava_onevision, llama and qwen2 are)",
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
    config_read_tower(vision, &out->vision, TOWER_CLIP);
    out->vision_known = vision->status == OPA_OK;
    config_check_feature_layer(vision, out);
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
