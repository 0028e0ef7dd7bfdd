/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

/* ---- adapter_config.json ---- */

static void refuse_variants(struct fields *f)
{
    static const char *const switches[] = {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"};
    const opa_text kind = fields_text(f, "peft_type", "LORA"), bias = fields_text(f, "bias", "none");
    if (!text_is(kind, "LORA"))
        fields_fail(f, OPA_EUNSUPPORTED, "peft_type '%.*s' is not built in (LORA is)",
                    (int)(kind.size < 40 ? kind.size : 40), kind.data);
    if (!text_is(bias, "none"))
        fields_fail(f, OPA_EUNSUPPORTED, "bias: none is built in");
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (fields_bool(f, switches[i], false))
            fields_fail(f, OPA_EUNSUPPORTED, "%s is not built in", switches[i]);
    }
    if (json_count(opa_json_get(f->object, "modules_to_save")) > 0)
        fields_fail(f, OPA_EUNSUPPORTED, "modules_to_save is not built in");
}

int adapter_config_parse(struct trainer *t, struct adapter_config *out, opa_text bytes, const char *name)
{
    struct json_file file;
    *out = (struct adapter_config){0};
    const int status = json_file_parse(t, &file, bytes, name);
    if (status != OPA_OK)
        return status;
    struct fields f = json_file_fields(t, &file, name);
    refuse_variants(&f);
    out->rank = (size_t)fields_integer(&f, "r", 8, 1, 1 << 16);
    out->alpha = fields_number(&f, "lora_alpha", 8);
    if (opa_json_get(f.object, "lora_alpha") != NULL && !fields_has(&f, "lora_alpha")) /* NaN is read as null */
        fields_fail(&f, OPA_EDATA, "lora_alpha is no number");
    out->partial = fields_has(&f, "layers_to_transform");
    out->rslora = fields_bool(&f, "use_rslora", false);
    out->patterns = json_count(opa_json_get(f.object, "rank_pattern")) > 0 ||
                    json_count(opa_json_get(f.object, "alpha_pattern")) > 0;
    if (out->patterns)
        fields_fail(&f, OPA_EUNSUPPORTED, "rank_pattern and alpha_pattern are not built in");
    out->base = json_strdup(fields_text(&f, "base_model_name_or_path", NULL));
    json_file_release(&file);
    if (f.status != OPA_OK)
        adapter_config_release(out);
    return f.status;
}

void adapter_config_release(struct adapter_config *config)
{
    free(config->base);
    *config = (struct adapter_config){0};
}

/* ---- tensors ---- */

/* One opening, passed to its steps. */
struct opening {
    struct trainer *t;
    const struct model *model;
    struct adapter *adapter;
    struct adapter_config config;
    const char *dir;
};

bool adapter_key_parse(char path[256], bool *is_b, const char *key)
{
    static const char root[] = "base_model.model.";
    if (strncmp(key, root, strlen(root)) == 0)
        key += strlen(root);
    const char *lora = strstr(key, ".lora_");
    if (lora == NULL || (size_t)(lora - key) > 255 || (lora[6] != 'A' && lora[6] != 'B'))
        return false;
    if (strcmp(lora + 7, ".weight") != 0 && strcmp(lora + 7, ".default.weight") != 0)
        return false;
    *is_b = lora[6] == 'B';
    memcpy(path, key, (size_t)(lora - key));
    path[lora - key] = '\0';
    return true;
}

static int misshapen(const struct opening *o, const struct tensor *tensor, uint64_t rows, uint64_t cols)
{
    char have[160], want[160];
    return trainer_fail(o->t, OPA_EDATA, "%s: tensor '%.200s' is %s %s: expected %s of F32, F16 or BF16", o->dir,
                        tensor->name, tensor->dtype, tensor_shape_text(have, tensor->shape, tensor->rank),
                        tensor_shape_text(want, (uint64_t[]){rows, cols}, 2));
}

static int place_tensor(const struct opening *o, const struct tensor *tensor)
{
    char path[256];
    bool is_b;
    ops_matrix matrix;
    if (!adapter_key_parse(path, &is_b, tensor->name))
        return trainer_fail(o->t, OPA_EDATA, "%s: tensor '%.200s' is no lora_A or lora_B weight", o->dir, tensor->name);
    const struct loader_module *module = loader_module_of(&o->model->loader, path);
    if (module == NULL)
        return trainer_fail(o->t, OPA_EDATA,
                            "%s: tensor '%.200s' fits no linear layer of the model: made for another one?", o->dir,
                            tensor->name);
    const size_t r = o->config.rank;
    const uint64_t rows = is_b ? module->rows : r, cols = is_b ? r : module->cols;
    if (tensor->rank != 2 || !tensor_matrix(&matrix, tensor) || matrix.rows != rows || matrix.cols != cols)
        return misshapen(o, tensor, rows, cols);
    if (!tensor_is_finite(tensor))
        return trainer_fail(o->t, OPA_EDATA, "%s: tensor '%.200s' holds NaN or infinity: no adapter that can be used",
                            o->dir, tensor->name);
    struct lora *lora = &o->adapter->of[module - o->model->loader.modules];
    ops_matrix *slot = is_b ? &lora->b : &lora->a;
    if (slot->data != NULL)
        return trainer_fail(o->t, OPA_EDATA, "%s: '%.200s' stands twice, in two spellings", o->dir, path);
    *slot = matrix;
    lora->rank = r;
    lora->scale = (float)(o->config.alpha / (o->config.rslora ? sqrt((double)r) : (double)r));
    return OPA_OK;
}

/* Each layer has both matrices or none; count them. */
static int check_pairs(const struct opening *o, size_t *layers)
{
    *layers = 0;
    for (size_t i = 0; i < o->adapter->count; i++) {
        const struct lora *lora = &o->adapter->of[i];
        if ((lora->a.data == NULL) != (lora->b.data == NULL))
            return trainer_fail(o->t, OPA_EDATA, "%s: '%s' has lora_%c, but no lora_%c", o->dir,
                                o->model->loader.modules[i].rest, lora->a.data ? 'A' : 'B', lora->a.data ? 'B' : 'A');
        *layers += lora->a.data != NULL;
    }
    return OPA_OK;
}

static bool all_zero(ops_matrix m)
{
    const unsigned char *bytes = m.data;
    const size_t size = m.rows * m.cols * ops_dtype_size(m.dtype);
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

uint64_t adapter_bytes(const struct adapter *adapter)
{
    return adapter != NULL && adapter->file != NULL ? adapter->file->bytes : 0;
}

bool adapter_changes(const struct adapter *adapter)
{
    for (size_t i = 0; i < adapter->count; i++) {
        if (adapter->of[i].rank > 0 && !all_zero(adapter->of[i].b))
            return true;
    }
    return false;
}

/* Layers that nothing goes through stay zero, however long they are trained. */
static void note_zero(const struct opening *o)
{
    size_t layers = 0, zero = 0;
    for (size_t i = 0; i < o->adapter->count; i++) {
        const struct lora *lora = &o->adapter->of[i];
        if (lora->rank == 0 || model_is_idle(o->model, i))
            continue;
        layers++;
        zero += all_zero(lora->b);
    }
    if (zero == layers)
        trainer_note(o->t, "%s: lora_B is zero in all %zu layers: the adapter changes nothing", o->dir, layers);
    else if (zero > 0)
        trainer_note(o->t, "%s: lora_B is zero in %zu of %zu layers", o->dir, zero, layers);
}

/* ---- what is not there ---- */

/* Of the same part, with the same name but for numbers: the q_proj of two layers. */
static bool same_kind(const struct loader_module *a, const struct loader_module *b)
{
    const char *x = a->rest, *y = b->rest;
    while (*x == *y && *x != '\0') {
        x++;
        y++;
        if (isdigit((unsigned char)*x) && isdigit((unsigned char)*y)) {
            x += strspn(x, "0123456789");
            y += strspn(y, "0123456789");
        }
    }
    return a->part == b->part && *x == *y;
}

/* Has a layer of this one's kind an adapter? */
static bool kind_has(const struct opening *o, size_t id)
{
    const struct loader_module *modules = o->model->loader.modules;
    for (size_t i = 0; i < o->adapter->count; i++) {
        if (o->adapter->of[i].rank > 0 && same_kind(&modules[i], &modules[id]))
            return true;
    }
    return false;
}

/* PEFT writes all layers of a kind, unless it is told which: one that is missing got lost. */
static void note_missing(const struct opening *o)
{
    struct adapter *a = o->adapter;
    const char *first = NULL;
    for (size_t i = 0; i < a->count && !o->config.partial; i++) {
        if (a->of[i].rank > 0 || model_is_idle(o->model, i) || !kind_has(o, i))
            continue;
        first = first ? first : o->model->loader.modules[i].rest;
        a->missing++;
    }
    if (a->missing > 0)
        trainer_note(o->t,
                     "warning: %s: no lora_A and lora_B of '%s'%s, though other layers have theirs: nothing is changed "
                     "there",
                     o->dir, first, a->missing > 1 ? " and others" : "");
}

static int read_tensors(struct opening *o)
{
    struct adapter *a = o->adapter;
    size_t layers = 0;
    int status = safetensors_open(o->t, &a->file, o->dir, "adapter_model.safetensors");
    for (size_t i = 0; status == OPA_OK && i < a->file->count; i++)
        status = place_tensor(o, &a->file->tensors[i]);
    if (status == OPA_OK)
        status = check_pairs(o, &layers);
    if (status != OPA_OK)
        return status;
    if (layers == 0)
        return trainer_fail(o->t, OPA_EDATA, "%s: the adapter matches no layer of the model", o->dir);
    a->max_rank = o->config.rank;
    note_zero(o);
    note_missing(o);
    return OPA_OK;
}

int adapter_open(struct trainer *t, struct adapter **out, const char *dir, const struct model *model)
{
    struct adapter *a = *out = calloc(1, sizeof *a);
    struct lora *of = calloc(model->loader.module_count, sizeof *of);
    struct mapped map = {0};
    char *path = path_join(dir, "adapter_config.json");
    struct opening o = {.t = t, .model = model, .adapter = a, .dir = dir};
    int status = a && of && path ? mapped_open(t, &map, path) : trainer_fail_memory(t);
    if (status == OPA_OK)
        status = adapter_config_parse(t, &o.config, (opa_text){(const char *)map.data, map.size}, path);
    if (a != NULL) {
        a->of = of;
        a->count = model->loader.module_count;
    }
    if (status == OPA_OK)
        status = read_tensors(&o);
    adapter_config_release(&o.config);
    mapped_release(&map);
    free(path);
    if (status != OPA_OK) {
        adapter_free(a);
        *out = NULL;
    }
    return status;
}

void adapter_free(struct adapter *a)
{
    if (a == NULL)
        return;
    safetensors_free(a->file);
    free(a->of);
    free(a);
}

void adapter_count(size_t out[PART_COUNT], const struct adapter *adapter, const struct model *model)
{
    memset(out, 0, PART_COUNT * sizeof *out);
    for (size_t i = 0; i < adapter->count; i++)
        out[model->loader.modules[i].part] += adapter->of[i].rank > 0;
}
