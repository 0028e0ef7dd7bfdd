/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "safetensors_write.h"

enum spelling adapter_spelling(const struct model *model)
{
    return model->config.original ? SPELLING_LLAVA : model_sees(model) ? SPELLING_HF : SPELLING_TEXT;
}

/* ---- adapter_config.json ---- */

/* The expression that PEFT matches with whole paths of modules. A list of last names would not do: q_proj is in the
 * language model and in the tower. */
struct expression {
    char text[4096];
    size_t size;
};

static void append(struct expression *e, const char *text)
{
    const int n = snprintf(e->text + e->size, sizeof e->text - e->size, "%s", text);
    e->size += n > 0 && (size_t)n < sizeof e->text - e->size ? (size_t)n : 0;
}

static void append_literally(struct expression *e, const char *text)
{
    for (; *text != '\0'; text++)
        append(e, *text == '.' ? "\\." : (const char[]){*text, '\0'});
}

static const char *leaf_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

static bool has_lora(const struct adapter_out *out, size_t id)
{
    return out->adapter->of[id].rank > 0;
}

/* Is there an earlier layer of the part with the same last name? */
static bool seen(const struct adapter_out *out, size_t id)
{
    const struct loader_module *modules = out->model->loader.modules;
    for (size_t i = 0; i < id; i++) {
        if (has_lora(out, i) && modules[i].part == modules[id].part &&
            strcmp(leaf_of(modules[i].rest), leaf_of(modules[id].rest)) == 0)
            return true;
    }
    return false;
}

/* PREFIX(.*\.)?(q_proj|k_proj|...) */
static void append_part(struct expression *e, const struct adapter_out *out, enum spelling spelling, enum part part)
{
    const struct loader_module *modules = out->model->loader.modules;
    char path[256];
    bool first = true;
    for (size_t i = 0; i < out->adapter->count; i++) {
        if (!has_lora(out, i) || modules[i].part != part || seen(out, i))
            continue;
        if (first) {
            append(e, e->size > 0 ? "|" : "");
            append_literally(e, name_prefix(spelling, part));
        }
        append(e, first ? "(.*\\.)?(" : "|");
        name_spell(path, sizeof path, spelling, part, modules[i].rest);
        append_literally(e, leaf_of(path));
        first = false;
    }
    append(e, first ? "" : ")");
}

static void write_config(opa_json_writer *w, const struct adapter_out *out)
{
    struct expression targets = {.size = 0};
    for (int part = 0; part < PART_COUNT; part++)
        append_part(&targets, out, adapter_spelling(out->model), (enum part)part);
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
    opa_json_write_string(w, targets.text);
    opa_json_write_key(w, "task_type");
    opa_json_write_string(w, "CAUSAL_LM");
    opa_json_write_key(w, "use_rslora");
    opa_json_write_bool(w, false);
    opa_json_end_object(w);
}

static int put_config(struct trainer *t, const char *dir, const struct adapter_out *out)
{
    opa_json_writer *w;
    opa_text text;
    char *path = path_join(dir, "adapter_config.json");
    if (path == NULL || opa_json_writer_new(t->opa, &w) != OPA_OK) {
        free(path);
        return trainer_fail_memory(t);
    }
    write_config(w, out);
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
