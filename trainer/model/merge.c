/* SPDX-License-Identifier: Apache-2.0 */
#include "model/merge.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json_edit.h"
#include "json_fields.h"
#include "model/merge_weights.h"

static const char tower_name[] = "vision_tower";

/* One merge, passed to its steps. */
struct merging {
    struct trainer *t;
    const struct merge_options *options;
    struct merge_weights weights;
    int64_t done, total; /* tensors */
};

/* ---- files beside the weights ---- */

static bool ends(const char *name, const char *with)
{
    const size_t m = strlen(name), n = strlen(with);
    return m >= n && strcasecmp(name + m - n, with) == 0;
}

/* Other copies of the weights hold the base's and would be taken for the merged ones; an adapter would be applied again. */
static bool belongs(const char *name)
{
    static const char *const weights[] = {".safetensors", ".index.json", ".bin",  ".pt",   ".pth", ".ckpt",
                                          ".h5",          ".msgpack",    ".gguf", ".onnx", ".npz"};
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        if (ends(name, weights[i]))
            return false;
    }
    return name[0] != '.' && strcmp(name, "config.json") != 0 && strcmp(name, "adapter_config.json") != 0;
}

static int copy_file(struct trainer *t, const char *to, const char *from, const char *name)
{
    struct mapped map = {0};
    char *source = path_join(from, name), *target = path_join(to, name);
    int status = source && target ? mapped_open(t, &map, source) : trainer_fail_memory(t);
    if (status == OPA_EDATA)
        status = OPA_OK; /* a folder, or whatever is no file */
    else if (status == OPA_OK)
        status = durable_file(t, target, map.data, map.size);
    mapped_release(&map);
    free(source);
    free(target);
    return status;
}

static int copy_files(struct trainer *t, const char *to, const char *from)
{
    int status = OPA_OK;
    DIR *dir = opendir(from);
    if (dir == NULL)
        return trainer_fail(t, OPA_EIO, "%s: its files cannot be listed", from);
    for (struct dirent *entry; status == OPA_OK && (entry = readdir(dir)) != NULL;) {
        if (belongs(entry->d_name))
            status = copy_file(t, to, from, entry->d_name);
    }
    closedir(dir);
    return status;
}

/* ---- config.json ---- */

static int set_member(struct trainer *t, char **text, size_t *size, const char *key, const char *value, bool add,
                      const char *name)
{
    char *before = *text;
    const int status = json_set_member(t, text, size, (opa_text){before, *size}, key, value, add, name);
    free(before);
    return status;
}

/* transformers loads weights as the type that the config names. */
static int set_dtype(const struct merging *m, char **text, size_t *size, const char *name)
{
    static const char *const values[] = {
        [OPS_F32] = "\"float32\"", [OPS_BF16] = "\"bfloat16\"", [OPS_F16] = "\"float16\""};
    const char *value = values[m->options->dtype];
    const int status = set_member(m->t, text, size, "torch_dtype", value, false, name);
    return status == OPA_OK ? set_member(m->t, text, size, "dtype", value, false, name) : status;
}

/* The base's config with what is different in the merged checkpoint; last of all, it makes the folder one. */
static int put_config(const struct merging *m, const char *to, const char *from, bool tower)
{
    struct mapped map = {0};
    char *source = path_join(from, "config.json"), *target = path_join(to, "config.json"), *text = NULL;
    int status = source && target ? mapped_open(m->t, &map, source) : trainer_fail_memory(m->t);
    size_t size = map.size;
    if (status == OPA_OK && (text = malloc(size + 1)) == NULL)
        status = trainer_fail_memory(m->t);
    if (status == OPA_OK && size > 0)
        memcpy(text, map.data, size);
    if (status == OPA_OK && m->options->convert)
        status = set_dtype(m, &text, &size, source);
    if (status == OPA_OK && tower)
        status = set_member(m->t, &text, &size, "mm_vision_tower", "\"vision_tower\"", true, source);
    if (status == OPA_OK)
        status = durable_file(m->t, target, text, size);
    mapped_release(&map);
    free(text);
    free(source);
    free(target);
    return status;
}

/* ---- shards ---- */

/* A tensor and what becomes of it: dtype and size are the merged one's. */
struct piece {
    const struct tensor *from;
    struct tensor to;
    uint64_t element; /* bytes */
};

static struct piece piece_of(const struct merging *m, const struct tensor *from)
{
    static const char *const dtypes[] = {[OPS_F32] = "F32", [OPS_BF16] = "BF16", [OPS_F16] = "F16"};
    struct piece p = {from, *from, 0};
    uint64_t elements = 1;
    ops_matrix matrix;
    for (size_t i = 0; i < from->rank; i++)
        elements *= from->shape[i];
    if (m->options->convert && tensor_matrix(&matrix, from)) {
        p.to.dtype = dtypes[m->options->dtype];
        p.to.size = elements * ops_dtype_size(m->options->dtype);
    }
    p.element = elements > 0 ? p.to.size / elements : 0;
    return p;
}

/* Wide elements first, so that all of them are aligned, then by name: as the reference writes. */
static int by_element(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->element != y->element ? (x->element < y->element) - (x->element > y->element)
                                    : strcmp(x->to.name, y->to.name);
}

static int step(struct merging *m)
{
    const opa_progress now = {"merge", ++m->done, m->total, -1, -1};
    if (m->options->progress == NULL || m->options->progress(m->options->user, &now) == 0)
        return OPA_OK;
    return trainer_fail(m->t, OPA_ECANCELLED, "stopped");
}

static int put_pieces(struct merging *m, const char *path, const struct piece *pieces, size_t count)
{
    static const struct tensor_note format = {"format", "pt"};
    struct durable d;
    struct tensor *list = malloc((count + 1) * sizeof *list);
    if (list == NULL)
        return trainer_fail_memory(m->t);
    for (size_t i = 0; i < count; i++)
        list[i] = pieces[i].to;
    int status = safetensors_begin(m->t, &d, path, list, count, &format, 1);
    free(list);
    if (status != OPA_OK)
        return status;
    for (size_t i = 0; i < count && status == OPA_OK; i++) {
        status = merge_weights_put(&m->weights, &d, pieces[i].from, pieces[i].to.dtype);
        if (status == OPA_OK)
            status = step(m);
    }
    if (status == OPA_OK)
        return durable_commit(m->t, &d);
    durable_abandon(&d);
    return status;
}

/* The shard of this name. */
static int put_shard(struct merging *m, const char *to, const struct safetensors *from, const char *name)
{
    struct piece *pieces = malloc((from->count + 1) * sizeof *pieces);
    char *path = path_join(to, name);
    size_t count = 0;
    for (size_t i = 0; pieces != NULL && i < from->count; i++) {
        if (strcmp(from->tensors[i].file, name) == 0)
            pieces[count++] = piece_of(m, &from->tensors[i]);
    }
    int status = pieces && path ? OPA_OK : trainer_fail_memory(m->t);
    if (status == OPA_OK) {
        qsort(pieces, count, sizeof *pieces, by_element);
        status = put_pieces(m, path, pieces, count);
    }
    free(pieces);
    free(path);
    return status;
}

static void write_index(const struct merging *m, opa_json_writer *w, const struct safetensors *from)
{
    uint64_t size = 0;
    for (size_t i = 0; i < from->count; i++)
        size += piece_of(m, &from->tensors[i]).to.size;
    opa_json_begin_object(w);
    opa_json_write_key(w, "metadata");
    opa_json_begin_object(w);
    opa_json_write_key(w, "total_size");
    opa_json_write_integer(w, (int64_t)size);
    opa_json_end_object(w);
    opa_json_write_key(w, "weight_map");
    opa_json_begin_object(w);
    for (size_t i = 0; i < from->count; i++) {
        opa_json_write_key(w, from->tensors[i].name);
        opa_json_write_string(w, from->tensors[i].file);
    }
    opa_json_end_object(w);
    opa_json_end_object(w);
}

static int put_index(const struct merging *m, const char *to, const struct safetensors *from)
{
    opa_json_writer *w = NULL;
    opa_text text;
    char *path = path_join(to, "model.safetensors.index.json");
    int status = path && opa_json_writer_new(m->t->opa, &w) == OPA_OK ? OPA_OK : trainer_fail_memory(m->t);
    if (status == OPA_OK) {
        write_index(m, w, from);
        status = opa_json_writer_finish(w, &text) == OPA_OK ? durable_file(m->t, path, text.data, text.size)
                                                            : trainer_fail_memory(m->t);
    }
    opa_json_writer_free(w);
    free(path);
    return status;
}

/* All shards, each once, and where there are several their index. */
static int put_weights(struct merging *m, const char *to, const struct safetensors *from)
{
    int status = OPA_OK;
    bool index = false;
    for (size_t i = 0; i < from->count && status == OPA_OK; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = strcmp(from->tensors[k].file, from->tensors[i].file) != 0;
        if (first)
            status = put_shard(m, to, from, from->tensors[i].file);
        index = index || strcmp(from->tensors[i].file, "model.safetensors") != 0;
    }
    return status == OPA_OK && index ? put_index(m, to, from) : status;
}

/* ---- the folder ---- */

static int put_folder(struct merging *m, const char *to, const char *from, const struct safetensors *weights,
                      bool tower)
{
    int status = copy_files(m->t, to, from);
    if (status == OPA_OK && weights != NULL)
        status = put_weights(m, to, weights);
    return status == OPA_OK ? put_config(m, to, from, tower) : status;
}

/* Does a tower of its own folder go with the checkpoint? Where its weights are among the checkpoint's, its config does. */
static bool takes_tower(const struct merging *m)
{
    const struct model *model = m->weights.model;
    const struct safetensors *tower = model->tower;
    bool changed = false;
    for (size_t i = 0; tower != NULL && i < tower->count; i++)
        changed = changed || merge_change_of(&m->weights, &tower->tensors[i]) != NULL;
    return model->tower_dir != NULL && (changed || !m->options->keep_tower);
}

static int put_all(struct merging *m, const char *to)
{
    const struct model *model = m->weights.model;
    const bool tower = takes_tower(m);
    char *tower_dir = path_join(to, tower_name);
    int status = tower_dir ? OPA_OK : trainer_fail_memory(m->t);
    m->total = (int64_t)(model->weights->count + (tower && model->tower ? model->tower->count : 0));
    m->weights.report.tower = tower;
    if (status == OPA_OK) {
        folder_remove(tower_dir);
        folder_remove(to);
        status = folder_make(m->t, to);
    }
    if (status == OPA_OK && tower)
        status = folder_make(m->t, tower_dir);
    if (status == OPA_OK && tower)
        status = put_folder(m, tower_dir, model->tower_dir, model->tower, false);
    if (status == OPA_OK)
        status = put_folder(m, to, m->options->from, model->weights, tower);
    if (status != OPA_OK && tower_dir != NULL) { /* on a full disk its bytes are wanted back */
        folder_remove(tower_dir);
        folder_remove(to);
    }
    free(tower_dir);
    return status;
}

int merge_write(struct trainer *t, struct merge_report *out, const char *to, const struct model *model,
                const struct adapter *adapter, const struct merge_options *options)
{
    struct merging m = {.t = t, .options = options, .weights = {.t = t, .model = model, .adapter = adapter}};
    char *made = malloc(strlen(to) + sizeof ".merging"), *config = NULL;
    int status = made ? OPA_OK : trainer_fail_memory(t);
    if (status == OPA_OK) {
        strcpy(stpcpy(made, to), ".merging");
        config = path_join(made, "config.json");
        status = config ? OPA_OK : trainer_fail_memory(t);
    }
    if (status == OPA_OK && path_exists(config))
        status = trainer_fail(t, OPA_ECREATE, "%s holds a whole checkpoint: give it another name, or remove it", made);
    if (status == OPA_OK)
        status = put_all(&m, made);
    if (status == OPA_OK)
        status = durable_rename(t, made, to);
    *out = m.weights.report;
    merge_weights_release(&m.weights);
    free(made);
    free(config);
    return status;
}
