/* SPDX-License-Identifier: Apache-2.0 */
#include "safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"
#include "safetensors_file.h"

const char *tensor_shape_text(char out[160], const uint64_t *shape, size_t rank)
{
    size_t used = 1;
    out[0] = '[';
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(out + used, 160 - used, "%s%" PRIu64, i ? ", " : "", shape[i]);
    snprintf(out + used, 160 - used, "]");
    return out;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

static int finish(struct trainer *t, struct safetensors *st)
{
    qsort(st->tensors, st->count, sizeof *st->tensors, by_name);
    for (size_t i = 0; i < st->count; i++) {
        st->bytes += st->tensors[i].size;
        if (i > 0 && strcmp(st->tensors[i - 1].name, st->tensors[i].name) == 0)
            return trainer_fail(t, OPA_EDATA, "tensor '%.200s' is in both %s and %s", st->tensors[i].name,
                                st->tensors[i - 1].path, st->tensors[i].path);
    }
    return OPA_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static struct safetensors_file *add_file(struct safetensors *st, const char *path)
{
    struct safetensors_file *grown = realloc(st->files, (st->file_count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    st->files = grown;
    struct safetensors_file *file = &grown[st->file_count];
    *file = (struct safetensors_file){.path = strdup(path)};
    if (file->path == NULL)
        return NULL;
    file->name = base_name(file->path);
    st->file_count++;
    return file;
}

static int open_file(struct trainer *t, struct safetensors *st, const char *path)
{
    struct safetensors_file *file = add_file(st, path);
    if (file == NULL)
        return trainer_fail_memory(t);
    int status = mapped_open(t, &file->map, path);
    if (status == OPA_OK)
        status = safetensors_file_read(t, st, file);
    return status;
}

static bool has_file(const struct safetensors *st, const char *name)
{
    for (size_t i = 0; i < st->file_count; i++) {
        if (strcmp(st->files[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Open the shard that the index names, once. */
static int open_shard(struct trainer *t, struct safetensors *st, const char *dir, const char *name, const char *index)
{
    if (name[0] == '\0' || strchr(name, '/') != NULL)
        return trainer_fail(t, OPA_EDATA, "%s: '%.200s' is no name of a shard", index, name);
    if (has_file(st, name))
        return OPA_OK;
    char *path = path_join(dir, name);
    if (path == NULL)
        return trainer_fail_memory(t);
    int status = open_file(t, st, path);
    if (status == OPA_ENOENT)
        status = trainer_fail(t, OPA_ENOENT, "%s names the shard %s, which is not there", index, path);
    free(path);
    return status;
}

/* Does each tensor of the index stand where the index says? */
static int check_index(struct trainer *t, const struct safetensors *st, const opa_json *doc, const struct cJSON *map,
                       const char *index)
{
    for (const struct cJSON *entry = json_first(map); entry != NULL; entry = json_next(entry)) {
        char *name = json_strdup(opa_json_key(doc, entry)), *file = json_strdup_value(doc, entry);
        const struct tensor *tensor = name && file ? safetensors_find(st, name) : NULL;
        int status = OPA_OK;
        if (name == NULL || file == NULL)
            status = trainer_fail_memory(t);
        else if (tensor == NULL || strcmp(tensor->file, file) != 0)
            status = trainer_fail(t, OPA_EDATA, "%s: tensor '%.200s' is not in %.200s", index, name, file);
        free(name);
        free(file);
        if (status != OPA_OK)
            return status;
    }
    return OPA_OK;
}

static int open_shards(struct trainer *t, struct safetensors *st, const char *dir, const char *index)
{
    struct json_file file;
    int status = json_file_open(t, &file, index);
    if (status != OPA_OK)
        return status;
    const struct cJSON *map = opa_json_get(opa_json_root(file.doc), "weight_map");
    if (!json_is_object(map) || json_count(map) == 0)
        status = trainer_fail(t, OPA_EDATA, "%s: no weight_map", index);
    for (const struct cJSON *entry = json_first(map); status == OPA_OK && entry != NULL; entry = json_next(entry)) {
        char *name = json_strdup_value(file.doc, entry);
        status = name ? open_shard(t, st, dir, name, index)
                      : trainer_fail(t, OPA_EDATA, "%s: weight_map: a shard's name is no text", index);
        free(name);
    }
    if (status == OPA_OK)
        status = finish(t, st);
    if (status == OPA_OK)
        status = check_index(t, st, file.doc, map, index);
    json_file_release(&file);
    return status;
}

static int open_folder(struct trainer *t, struct safetensors *st, const char *path, const char *single)
{
    char *index = path_join(path, "model.safetensors.index.json"), *one = path_join(path, single);
    int status;
    if (index == NULL || one == NULL)
        status = trainer_fail_memory(t);
    else if (path_exists(one)) {
        status = open_file(t, st, one);
        if (status == OPA_OK)
            status = finish(t, st);
    } else if (path_exists(index))
        status = open_shards(t, st, path, index);
    else
        status = trainer_fail(t, OPA_ENOENT, "%s: no %s in it (weights are read from safetensors)", path, single);
    free(index);
    free(one);
    return status;
}

int safetensors_open(struct trainer *t, struct safetensors **out, const char *path, const char *single)
{
    struct safetensors *st = *out = calloc(1, sizeof *st);
    if (st == NULL)
        return trainer_fail_memory(t);
    const size_t n = strlen(path);
    int status;
    if (n > 12 && strcmp(path + n - 12, ".safetensors") == 0) {
        status = open_file(t, st, path);
        if (status == OPA_OK)
            status = finish(t, st);
    } else {
        status = open_folder(t, st, path, single);
    }
    if (status != OPA_OK) {
        safetensors_free(st);
        *out = NULL;
    }
    return status;
}

int safetensors_parse(struct trainer *t, struct safetensors **out, const void *bytes, size_t size, const char *name)
{
    struct safetensors *st = *out = calloc(1, sizeof *st);
    struct safetensors_file *file = st ? add_file(st, name) : NULL;
    int status = file ? OPA_OK : trainer_fail_memory(t);
    if (file != NULL) {
        file->map = (struct mapped){bytes, size};
        status = safetensors_file_read(t, st, file);
        file->map = (struct mapped){0}; /* the caller's */
    }
    if (status == OPA_OK)
        status = finish(t, st);
    if (status != OPA_OK) {
        safetensors_free(st);
        *out = NULL;
    }
    return status;
}

void safetensors_free(struct safetensors *st)
{
    if (st == NULL)
        return;
    for (size_t i = 0; i < st->file_count; i++)
        safetensors_file_release(&st->files[i]);
    for (size_t i = 0; i < st->count; i++)
        free(st->tensors[i].name);
    free(st->files);
    free(st->tensors);
    free(st);
}

struct tensor *safetensors_find(const struct safetensors *st, const char *name)
{
    struct tensor key = {.name = (char *)(uintptr_t)name};
    return st->count ? bsearch(&key, st->tensors, st->count, sizeof key, by_name) : NULL;
}

bool tensor_matrix(ops_matrix *out, const struct tensor *tensor)
{
    const uint64_t rows = tensor->rank > 0 ? tensor->shape[0] : 1;
    uint64_t cols = 1;
    for (size_t i = 1; i < tensor->rank; i++)
        cols *= tensor->shape[i];
    *out = (ops_matrix){tensor->data, rows, cols, cols, OPS_F32};
    if (strcmp(tensor->dtype, "BF16") == 0)
        out->dtype = OPS_BF16;
    else if (strcmp(tensor->dtype, "F16") == 0)
        out->dtype = OPS_F16;
    else
        return strcmp(tensor->dtype, "F32") == 0;
    return true;
}

/* Infinities and NaN have all bits of the exponent. */
static bool finite16(const uint16_t *x, uint64_t n, uint16_t exponent)
{
    unsigned bad = 0;
    for (uint64_t i = 0; i < n; i++)
        bad |= (x[i] & exponent) == exponent;
    return !bad;
}

static bool finite32(const uint32_t *x, uint64_t n)
{
    unsigned bad = 0;
    for (uint64_t i = 0; i < n; i++)
        bad |= (x[i] & 0x7F800000) == 0x7F800000;
    return !bad;
}

bool tensor_is_finite(const struct tensor *tensor)
{
    ops_matrix m;
    if (!tensor_matrix(&m, tensor))
        return true;
    if (m.dtype == OPS_F32)
        return finite32(tensor->data, tensor->size / 4);
    return finite16(tensor->data, tensor->size / 2, m.dtype == OPS_BF16 ? 0x7F80 : 0x7C00);
}
