/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "model/target_modules.h"
#include "safetensors_write.h"

enum spelling adapter_spelling(const struct model *model)
{
    return model->config.original ? SPELLING_LLAVA : model_sees(model) ? SPELLING_HF : SPELLING_TEXT;
}

/* ---- adapter_config.json ---- */

static bool has_lora(const struct adapter_out *out, size_t id)
{
    return out->adapter->of[id].rank > 0;
}

/* The modules that have an adapter; *list is the caller's. */
static size_t list_modules(struct module_name **list, const struct adapter_out *out)
{
    const struct loader_module *modules = out->model->loader.modules;
    size_t count = 0;
    *list = malloc((out->adapter->count + 1) * sizeof **list);
    for (size_t id = 0; *list != NULL && id < out->adapter->count; id++) {
        if (has_lora(out, id))
            (*list)[count++] = (struct module_name){modules[id].part, modules[id].rest};
    }
    return count;
}

static void write_config(opa_json_writer *w, const struct adapter_out *out, const char *targets)
{
    opa_json_begin_object(w);
    opa_json_write_key(w, "base_model_name_or_path");
    opa_json_write_string(w, out->base);
    opa_json_write_key(w, "bias");
    opa_json_write_string(w, "none");
    opa_json_write_key(w, "fan_in_fan_out");
    opa_json_write_bool(w, false);
    opa_json_write_key(w, "inference_mode");
    opa_json_write_bool(w, true);
    opa_json_write_key(w, "lora_alpha");
    opa_json_write_number(w, out->alpha);
    opa_json_write_key(w, "lora_dropout");
    opa_json_write_number(w, 0);
    opa_json_write_key(w, "peft_type");
    opa_json_write_string(w, "LORA");
    opa_json_write_key(w, "r");
    opa_json_write_integer(w, (int64_t)out->adapter->max_rank);
    opa_json_write_key(w, "target_modules");
    opa_json_write_string(w, targets);
    opa_json_write_key(w, "task_type");
    opa_json_write_string(w, "CAUSAL_LM");
    opa_json_write_key(w, "use_rslora");
    opa_json_write_bool(w, false);
    opa_json_end_object(w);
}

static int put_config(struct trainer *t, const char *dir, const struct adapter_out *out)
{
    opa_json_writer *w = NULL;
    opa_text text;
    char targets[TARGET_MODULES_SIZE];
    struct module_name *modules;
    const size_t count = list_modules(&modules, out);
    char *path = path_join(dir, "adapter_config.json");
    if (path == NULL || modules == NULL || opa_json_writer_new(t->opa, &w) != OPA_OK) {
        free(path);
        free(modules);
        return trainer_fail_memory(t);
    }
    target_modules(targets, adapter_spelling(out->model), modules, count);
    free(modules);
    write_config(w, out, targets);
    const int status = opa_json_writer_finish(w, &text) == OPA_OK ? durable_file(t, path, text.data, text.size)
                                                                  : trainer_fail_memory(t);
    opa_json_writer_free(w);
    free(path);
    return status;
}

/* ---- adapter_model.safetensors ---- */

enum { KEY_SIZE = 320 };

static void add_tensor(struct tensor_out *list, char (*keys)[KEY_SIZE], size_t at, const struct adapter_out *out,
                       size_t id, bool is_b)
{
    const struct loader_module *module = &out->model->loader.modules[id];
    const struct lora *lora = &out->adapter->of[id];
    char path[256];
    name_spell(path, sizeof path, adapter_spelling(out->model), module->part, module->rest);
    snprintf(keys[at], KEY_SIZE, "base_model.model.%s.lora_%c.weight", path, is_b ? 'B' : 'A');
    list[at] = (struct tensor_out){.name = keys[at], .matrix = is_b ? lora->b : lora->a};
}

static int put_tensors(struct trainer *t, const char *dir, const struct adapter_out *out)
{
    static const struct tensor_note format = {"format", "pt"};
    const size_t most = 2 * out->adapter->count;
    struct tensor_out *list = malloc((most + 1) * sizeof *list);
    char(*keys)[KEY_SIZE] = malloc((most + 1) * sizeof *keys);
    char *path = path_join(dir, "adapter_model.safetensors");
    size_t count = 0;
    int status = list && keys && path ? OPA_OK : trainer_fail_memory(t);
    for (size_t id = 0; status == OPA_OK && id < out->adapter->count; id++) {
        for (int b = 0; b < 2 && has_lora(out, id); b++)
            add_tensor(list, keys, count++, out, id, b == 1);
    }
    if (status == OPA_OK)
        status = safetensors_write(t, path, list, count, &format, 1);
    free(list);
    free(keys);
    free(path);
    return status;
}

int adapter_write(struct trainer *t, const char *dir, const struct adapter_out *out)
{
    const int status = put_config(t, dir, out);
    return status == OPA_OK ? put_tensors(t, dir, out) : status;
}
