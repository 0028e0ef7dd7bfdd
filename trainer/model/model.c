/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

/* The folder of the tower: the option, else mm_vision_tower where that is a folder beside the checkpoint. */
static int find_tower(struct trainer *t, char **out, const struct model *m, const char *dir, const char *option)
{
    const char *named = m->config.vision_tower;
    *out = option ? strdup(option) : named ? path_join(dir, named) : strdup("");
    if (*out == NULL)
        return trainer_fail_memory(t);
    char *config = path_join(*out, "config.json");
    const bool there = config != NULL && path_exists(config);
    free(config);
    if (there)
        return OPA_OK;
    if (option != NULL)
        return trainer_fail(t, OPA_ENOENT, "%s: no config.json of a vision tower in it", option);
    return trainer_fail(t, OPA_ENOENT,
                        "%s: the vision tower '%.200s' is not there: give its folder with --vision-tower DIR", dir,
                        named ? named : "");
}

static int read_whole(struct trainer *t, struct mapped *map, char **path, const char *dir, const char *name)
{
    *path = path_join(dir, name);
    return *path ? mapped_open(t, map, *path) : trainer_fail_memory(t);
}

static int read_tower_config(struct trainer *t, struct model *m, const char *tower)
{
    struct mapped map = {0};
    char *path;
    int status = read_whole(t, &map, &path, tower, "config.json");
    if (status == OPA_OK)
        status = model_config_parse_vision(t, &m->config, (opa_text){(const char *)map.data, map.size}, path);
    mapped_release(&map);
    free(path);
    return status;
}

static bool has_image_processor(struct trainer *t, const char *path)
{
    struct json_file file;
    if (!path_exists(path) || json_file_open(t, &file, path) != OPA_OK)
        return false;
    const bool has = json_is_object(opa_json_get(opa_json_root(file.doc), "image_processor"));
    json_file_release(&file);
    return has;
}

/* A folder's preprocessor_config.json, else the processor_config.json that has it in it. OPA_ENOENT: neither. */
static int read_folder_spec(struct trainer *t, struct model *m, const char *dir)
{
    static const char *const names[] = {"preprocessor_config.json", "processor_config.json"};
    int status = OPA_ENOENT;
    for (int i = 0; i < 2 && status == OPA_ENOENT; i++) {
        struct mapped map = {0};
        char *path;
        status = read_whole(t, &map, &path, dir, names[i]);
        if (status == OPA_OK && i == 1 && !has_image_processor(t, path))
            status = OPA_ENOENT;
        if (status == OPA_OK)
            status = image_spec_parse(t, &m->image, (opa_text){(const char *)map.data, map.size}, path);
        mapped_release(&map);
        free(path);
    }
    return status;
}

/* The checkpoint's own, else the tower's. */
static int read_image_spec(struct trainer *t, struct model *m, const char *dir, const char *tower)
{
    m->image = IMAGE_SPEC_CLIP;
    m->image.size = (uint32_t)m->config.vision.image_size;
    int status = read_folder_spec(t, m, dir);
    if (status == OPA_ENOENT && tower != NULL)
        status = read_folder_spec(t, m, tower);
    if (status == OPA_ENOENT)
        return trainer_fail(t, OPA_ENOENT,
                            "%s/preprocessor_config.json: not there: it says of which size, mean and deviation images "
                            "are to be%s",
                            dir, tower ? " (the tower's folder has none either)" : "");
    if (status != OPA_OK)
        return status;
    if (m->image.size != m->config.vision.image_size)
        return trainer_fail(t, OPA_EDATA, "%s: preprocessor_config.json makes images of %u pixels, the tower takes %zu",
                            dir, (unsigned)m->image.size, m->config.vision.image_size);
    return OPA_OK;
}

static int set_image_mode(struct trainer *t, struct model *m, const char *mode)
{
    m->image.mode = m->config.image_mode;
    if (mode == NULL)
        return OPA_OK;
    if (m->config.family == FAMILY_ONEVISION)
        return trainer_fail(t, OPA_EINVAL, "--image-mode: OneVision cuts images into tiles, there is no choice");
    if (strcmp(mode, "pad") != 0 && strcmp(mode, "crop") != 0)
        return trainer_fail(t, OPA_EINVAL, "--image-mode '%.40s' is neither pad nor crop", mode);
    m->image.mode = mode[0] == 'p' ? IMAGE_PAD : IMAGE_CROP;
    return OPA_OK;
}

static int load_llava(struct trainer *t, struct model *m, const char *dir, const struct model_options *options)
{
    int status = OPA_OK;
    if (m->config.original)
        status = find_tower(t, &m->tower_dir, m, dir, options->vision_tower);
    const char *tower = m->tower_dir;
    if (status == OPA_OK && !m->config.vision_known)
        status = read_tower_config(t, m, tower);
    if (status == OPA_OK && !loader_has(&m->loader, PART_VISION) && tower != NULL) {
        status = safetensors_open(t, &m->tower, tower, "model.safetensors");
        if (status == OPA_OK)
            status = loader_add(&m->loader, m->tower);
    }
    if (status == OPA_OK)
        status = read_image_spec(t, m, dir, tower);
    if (status == OPA_OK)
        status = set_image_mode(t, m, options->image_mode);
    if (status == OPA_OK)
        status = clip_load(&m->loader, &m->clip, &m->config);
    if (status == OPA_OK)
        status = projector_load(&m->loader, &m->projector, &m->config);
    if (status == OPA_OK && m->config.family == FAMILY_ONEVISION)
        status = onevision_load(&m->loader, &m->onevision, &m->config);
    return status;
}

static int load(struct trainer *t, struct model *m, const char *dir, const struct model_options *options)
{
    int status = model_config_open(t, &m->config, dir);
    if (status != OPA_OK)
        return status;
    status = safetensors_open(t, &m->weights, dir, "model.safetensors");
    if (status == OPA_OK)
        status = loader_add(&m->loader, m->weights);
    if (status == OPA_OK && model_sees(m))
        status = load_llava(t, m, dir, options);
    if (status == OPA_OK)
        status = llama_load(&m->loader, &m->llama, &m->config.text);
    if (status == OPA_OK)
        status = loader_finish(&m->loader);
    if (status != OPA_OK)
        return status;
    status = opa_tokenizer_open(t->opa, &m->tokenizer, dir);
    return status == OPA_OK ? OPA_OK : trainer_fail_library(t, status, dir);
}

int model_open(struct trainer *t, struct model **out, const char *dir, const struct model_options *options)
{
    struct model *m = *out = calloc(1, sizeof *m);
    if (m == NULL)
        return trainer_fail_memory(t);
    m->loader.t = t;
    const int status = load(t, m, dir, options);
    if (status != OPA_OK) {
        model_free(m);
        *out = NULL;
    }
    return status;
}

void model_free(struct model *m)
{
    if (m == NULL)
        return;
    opa_tokenizer_free(m->tokenizer);
    llama_release(&m->llama);
    clip_release(&m->clip);
    loader_release(&m->loader);
    safetensors_free(m->weights);
    safetensors_free(m->tower);
    free(m->tower_dir);
    model_config_release(&m->config);
    free(m);
}

uint64_t model_bytes(const struct model *m)
{
    return m->weights->bytes + (m->tower ? m->tower->bytes : 0);
}

size_t model_image_rows(const struct model *m)
{
    const struct model_config *c = &m->config;
    if (c->family != FAMILY_ONEVISION)
        return model_view_rows(c);
    return anyres_most_rows(&c->anyres, (uint32_t)c->vision.image_size, c->vision.image_size / c->vision.patch_size);
}

bool model_sees(const struct model *m)
{
    return model_config_sees(&m->config);
}

bool model_is_idle(const struct model *m, size_t id)
{
    return m->loader.modules[id].part == PART_VISION && m->clip.depth < m->clip.config.layers &&
           id >= m->clip.layers[m->clip.depth].q.id;
}

int model_see(struct trainer *t, const struct model *m, const struct adapter *adapter, float *out, const float *pixels,
              size_t images, struct scratch *scratch)
{
    const size_t rows = images * model_image_rows(m);
    float *features = malloc((rows * m->config.vision.hidden + 1) * sizeof *features);
    if (features == NULL)
        return trainer_fail_memory(t);
    int status = clip_forward(t, &m->clip, adapter, features, pixels, images, scratch);
    if (status == OPA_OK)
        status = projector_forward(t, &m->projector, adapter, out, features, rows, scratch);
    free(features);
    return status;
}
