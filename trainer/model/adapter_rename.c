/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter_rename.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "json_edit.h"
#include "json_fields.h"
#include "model/target_modules.h"
#include "safetensors_write.h"

enum { KEY_SIZE = 320, PATH_SIZE = 256 };

/* One renaming, passed to its steps. */
struct renaming {
    struct trainer *t;
    const char *dir;
    enum spelling spelling;
    struct safetensors *file;
    struct tensor_out *tensors;
    struct module_name *modules; /* of the tensors */
    char (*keys)[KEY_SIZE];
    char (*paths)[PATH_SIZE]; /* as they were; modules borrow from them */
};

/* lm_head is a module by itself, its name is no prefix. */
static bool module_of(struct module_name *out, const char *path)
{
    struct name name;
    if (strcmp(path, "lm_head") == 0 || strcmp(path, "language_model.lm_head") == 0) {
        *out = (struct module_name){PART_HEAD, "lm_head"};
        return true;
    }
    if (!name_parse(&name, path))
        return false;
    *out = (struct module_name){name.part, name.rest};
    return true;
}

static int rename_tensor(struct renaming *r, size_t i)
{
    const struct tensor *tensor = &r->file->tensors[i];
    struct tensor_out *out = &r->tensors[i];
    char path[PATH_SIZE];
    bool is_b;
    *out = (struct tensor_out){.name = r->keys[i]};
    if (!adapter_key_parse(r->paths[i], &is_b, tensor->name) || !module_of(&r->modules[i], r->paths[i]))
        return trainer_fail(r->t, OPA_EDATA, "%s: tensor '%.200s' is no lora_A or lora_B weight of a known module",
                            r->dir, tensor->name);
    if (tensor->rank != 2 || !tensor_matrix(&out->matrix, tensor))
        return trainer_fail(r->t, OPA_EDATA, "%s: tensor '%.200s' is no matrix of F32, F16 or BF16", r->dir,
                            tensor->name);
    if (!tensor_is_finite(tensor))
        return trainer_fail(r->t, OPA_EDATA, "%s: tensor '%.200s' holds NaN or infinity", r->dir, tensor->name);
    const struct module_name *m = &r->modules[i];
    const bool fits = name_spell(path, sizeof path, r->spelling, m->part, m->rest);
    const int n = snprintf(r->keys[i], KEY_SIZE, "base_model.model.%s.lora_%c.weight", path, is_b ? 'B' : 'A');
    return fits && n < KEY_SIZE
               ? OPA_OK
               : trainer_fail(r->t, OPA_EDATA, "%s: tensor '%.200s': its name is too long", r->dir, tensor->name);
}

static int find_twice(const struct renaming *r)
{
    for (size_t i = 0; i < r->file->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(r->keys[i], r->keys[k]) == 0)
                return trainer_fail(r->t, OPA_EDATA, "%s: '%.200s' stands twice, in two spellings", r->dir,
                                    r->paths[i]);
        }
    }
    return OPA_OK;
}

/* The config's bytes with another target_modules. */
static int rename_config(const struct renaming *r, char **out, size_t *size, opa_text bytes, const char *path)
{
    struct adapter_config config;
    char expression[TARGET_MODULES_SIZE];
    opa_text value;
    opa_json_writer *w;
    int status = adapter_config_parse(r->t, &config, bytes, path);
    if (status != OPA_OK)
        return status;
    adapter_config_release(&config);
    target_modules(expression, r->spelling, r->modules, r->file->count);
    if (opa_json_writer_new(r->t->opa, &w) != OPA_OK)
        return trainer_fail_memory(r->t);
    opa_json_write_string(w, expression);
    status = opa_json_writer_finish(w, &value) == OPA_OK ? OPA_OK : trainer_fail_memory(r->t);
    char *text = status == OPA_OK ? json_strdup(value) : NULL;
    if (status == OPA_OK)
        status = text ? json_set_member(r->t, out, size, bytes, "target_modules", text, true, path)
                      : trainer_fail_memory(r->t);
    free(text);
    opa_json_writer_free(w);
    return status;
}

static int write_config(const struct renaming *r, const char *to)
{
    struct mapped map = {0};
    char *from = path_join(r->dir, "adapter_config.json"), *path = path_join(to, "adapter_config.json"), *text = NULL;
    size_t size;
    int status = from && path ? mapped_open(r->t, &map, from) : trainer_fail_memory(r->t);
    if (status == OPA_OK)
        status = rename_config(r, &text, &size, (opa_text){(const char *)map.data, map.size}, from);
    if (status == OPA_OK)
        status = durable_file(r->t, path, text, size);
    mapped_release(&map);
    free(text);
    free(from);
    free(path);
    return status;
}

static int write_tensors(const struct renaming *r, const char *to)
{
    static const struct tensor_note format = {"format", "pt"};
    char *path = path_join(to, "adapter_model.safetensors");
    const int status =
        path ? safetensors_write(r->t, path, r->tensors, r->file->count, &format, 1) : trainer_fail_memory(r->t);
    free(path);
    return status;
}

static int rename_all(struct renaming *r, const char *to)
{
    const size_t count = r->file->count;
    r->tensors = calloc(count + 1, sizeof *r->tensors);
    r->modules = calloc(count + 1, sizeof *r->modules);
    r->keys = calloc(count + 1, sizeof *r->keys);
    r->paths = calloc(count + 1, sizeof *r->paths);
    int status = r->tensors && r->modules && r->keys && r->paths ? OPA_OK : trainer_fail_memory(r->t);
    for (size_t i = 0; i < count && status == OPA_OK; i++)
        status = rename_tensor(r, i);
    if (status == OPA_OK)
        status = find_twice(r);
    if (status == OPA_OK)
        status = folder_make(r->t, to);
    if (status == OPA_OK)
        status = write_config(r, to);
    return status == OPA_OK ? write_tensors(r, to) : status;
}

int adapter_rename(struct trainer *t, size_t *tensors, const char *to, const char *from, enum spelling spelling)
{
    struct renaming r = {.t = t, .dir = from, .spelling = spelling};
    int status = safetensors_open(t, &r.file, from, "adapter_model.safetensors");
    if (status == OPA_OK)
        status = rename_all(&r, to);
    if (status == OPA_OK)
        *tensors = r.file->count;
    safetensors_free(r.file);
    free(r.tensors);
    free(r.modules);
    free(r.keys);
    free(r.paths);
    return status;
}
