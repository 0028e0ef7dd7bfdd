/* SPDX-License-Identifier: Apache-2.0 */
#include "model/loader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loader_entry {
    struct name name;
    struct tensor *tensor;
};

static int compare(const void *a, const void *b)
{
    const struct loader_entry *x = a, *y = b;
    return x->name.part != y->name.part ? (int)x->name.part - (int)y->name.part : strcmp(x->name.rest, y->name.rest);
}

static struct loader_entry *add_entry(struct loader *l)
{
    if (l->count == l->capacity) {
        const size_t more = l->capacity ? 2 * l->capacity : 256;
        struct loader_entry *grown = realloc(l->entries, more * sizeof *grown);
        if (grown == NULL)
            return NULL;
        l->entries = grown;
        l->capacity = more;
    }
    return &l->entries[l->count++];
}

int loader_add(struct loader *l, const struct safetensors *st)
{
    for (size_t i = 0; i < st->count; i++) {
        struct tensor *tensor = &st->tensors[i];
        struct name name;
        tensor->used = name_is_idle(tensor->name);
        if (tensor->used)
            continue;
        if (!name_parse(&name, tensor->name))
            return l->status = trainer_fail(l->t, OPA_EDATA, "%s: tensor '%.200s' is of no part of this kind of model",
                                            tensor->path, tensor->name);
        struct loader_entry *entry = add_entry(l);
        if (entry == NULL)
            return l->status = trainer_fail_memory(l->t);
        *entry = (struct loader_entry){name, tensor};
        l->prefix[name.part] = name.prefix;
    }
    qsort(l->entries, l->count, sizeof *l->entries, compare);
    for (size_t i = 1; i < l->count; i++) {
        if (compare(&l->entries[i - 1], &l->entries[i]) == 0)
            return l->status = trainer_fail(l->t, OPA_EDATA, "tensors '%.200s' (%s) and '%.200s' (%s) mean the same",
                                            l->entries[i - 1].tensor->name, l->entries[i - 1].tensor->path,
                                            l->entries[i].tensor->name, l->entries[i].tensor->path);
    }
    return l->status;
}

bool loader_has(const struct loader *l, enum part part)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->entries[i].name.part == part)
            return true;
    }
    return false;
}

int loader_finish(struct loader *l)
{
    for (size_t i = 0; i < l->count && l->status == OPA_OK; i++) {
        const struct tensor *tensor = l->entries[i].tensor;
        char text[160];
        if (!tensor->used)
            l->status =
                trainer_fail(l->t, OPA_EDATA,
                             "%s: tensor '%.200s' %s is too much: a model of this config.json has none of that name",
                             tensor->path, tensor->name, tensor_shape_text(text, tensor->shape, tensor->rank));
    }
    return l->status;
}

void loader_release(struct loader *l)
{
    for (size_t i = 0; i < l->module_count; i++)
        free(l->modules[i].rest);
    for (size_t i = 0; i < l->vector_count; i++)
        free(l->vectors[i]);
    free(l->modules);
    free(l->vectors);
    free(l->entries);
    *l = (struct loader){0};
}

const struct loader_module *loader_module_of(const struct loader *l, const char *path)
{
    struct name name;
    if (!name_parse(&name, path))
        return NULL;
    for (size_t i = 0; i < l->module_count; i++) {
        if (l->modules[i].part == name.part && strcmp(l->modules[i].rest, name.rest) == 0)
            return &l->modules[i];
    }
    return NULL;
}

/* ---- requests ---- */

void loader_top(struct loader *l, enum part part)
{
    l->at[0] = '\0';
    l->part = part;
}

void loader_at(struct loader *l, enum part part, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(l->at, sizeof l->at, format, args);
    va_end(args);
    l->part = part;
}

static struct tensor *find(const struct loader *l, const char *name)
{
    char rest[192];
    snprintf(rest, sizeof rest, "%s%s", l->at, name);
    const struct loader_entry key = {{l->part, rest, NULL}, NULL};
    struct loader_entry *entry = l->count ? bsearch(&key, l->entries, l->count, sizeof key, compare) : NULL;
    return entry ? entry->tensor : NULL;
}

static void fail_missing(struct loader *l, const char *name, const uint64_t *shape, size_t rank)
{
    char text[160];
    const char *prefix = l->prefix[l->part] ? l->prefix[l->part] : "";
    l->status = trainer_fail(l->t, OPA_EDATA, "no tensor '%s%s%s' (of %s): expected %s of F32, F16 or BF16", prefix,
                             l->at, name, part_name(l->part), tensor_shape_text(text, shape, rank));
}

/* The tensor, when it is there with this many elements and first dimension and in a type that is read. */
static struct tensor *take(struct loader *l, ops_matrix *out, const char *name, const uint64_t *shape, size_t rank)
{
    char have[160], want[160];
    if (l->status != OPA_OK)
        return NULL;
    struct tensor *tensor = find(l, name);
    if (tensor == NULL) {
        fail_missing(l, name, shape, rank);
        return NULL;
    }
    const bool readable = tensor_matrix(out, tensor);
    const size_t cols = rank > 1 ? shape[1] : 1;
    if (!readable || tensor->rank < rank || out->rows != shape[0] || out->cols != cols) {
        l->status =
            trainer_fail(l->t, OPA_EDATA, "%s: tensor '%.200s' is %s %s: expected %s of F32, F16 or BF16", tensor->path,
                         tensor->name, tensor->dtype, tensor_shape_text(have, tensor->shape, tensor->rank),
                         tensor_shape_text(want, shape, rank));
        return NULL;
    }
    tensor->used = true;
    return tensor;
}

ops_matrix loader_matrix(struct loader *l, const char *name, size_t rows, size_t cols)
{
    ops_matrix out = {0};
    take(l, &out, name, (uint64_t[]){rows, cols}, 2);
    return out;
}

static float *add_vector(struct loader *l, size_t size)
{
    float **grown = realloc(l->vectors, (l->vector_count + 1) * sizeof *grown);
    float *data = grown ? malloc((size ? size : 1) * sizeof *data) : NULL;
    if (grown != NULL)
        l->vectors = grown;
    if (data == NULL)
        l->status = trainer_fail_memory(l->t);
    else
        l->vectors[l->vector_count++] = data;
    return data;
}

static const float *expand(struct loader *l, ops_matrix from)
{
    float *data = add_vector(l, from.rows * from.cols);
    if (data != NULL)
        ops_expand(l->t->ops, data, from, 0, from.rows);
    return data;
}

const float *loader_vector(struct loader *l, const char *name, size_t size)
{
    ops_matrix from = {0};
    return take(l, &from, name, (uint64_t[]){size}, 1) ? expand(l, from) : NULL;
}

const float *loader_table(struct loader *l, const char *name, size_t rows, size_t cols)
{
    ops_matrix from = {0};
    return take(l, &from, name, (uint64_t[]){rows, cols}, 2) ? expand(l, from) : NULL;
}

static char *join_names(const char *at, const char *name)
{
    const size_t size = strlen(at) + strlen(name) + 1;
    char *out = malloc(size);
    if (out != NULL)
        snprintf(out, size, "%s%s", at, name);
    return out;
}

void loader_linear(struct loader *l, struct linear *out, const char *name, size_t out_size, size_t in_size, bool bias)
{
    char full[96];
    if (l->status != OPA_OK)
        return;
    snprintf(full, sizeof full, "%s.weight", name);
    out->w = loader_matrix(l, full, out_size, in_size);
    snprintf(full, sizeof full, "%s.bias", name);
    out->bias = bias ? loader_vector(l, full, out_size) : NULL;
    struct loader_module *grown = realloc(l->modules, (l->module_count + 1) * sizeof *grown);
    char *rest = grown ? join_names(l->at, name) : NULL;
    if (grown != NULL)
        l->modules = grown;
    if (rest == NULL) {
        l->status = trainer_fail_memory(l->t);
        return;
    }
    out->id = l->module_count;
    l->modules[l->module_count++] = (struct loader_module){l->part, rest, out_size, in_size};
}

void loader_ignore(struct loader *l, const char *name)
{
    struct tensor *tensor = find(l, name);
    if (tensor != NULL)
        tensor->used = true;
}
