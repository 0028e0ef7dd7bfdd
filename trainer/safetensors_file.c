/* SPDX-License-Identifier: Apache-2.0 */
#include "safetensors_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

enum { HEADER_MAX = 100 * 1024 * 1024 }; /* the reference's own limit */

static const struct dtype {
    const char *name;
    unsigned bits;
} dtypes[] = {{"F32", 32}, {"BF16", 16}, {"F16", 16}, {"F64", 64},    {"I64", 64},
              {"I32", 32}, {"I16", 16},  {"I8", 8},   {"U64", 64},    {"U32", 32},
              {"U16", 16}, {"U8", 8},    {"BOOL", 8}, {"F8_E4M3", 8}, {"F8_E5M2", 8}};

static const struct dtype *find_dtype(opa_text name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strlen(dtypes[i].name) == name.size && memcmp(dtypes[i].name, name.data, name.size) == 0)
            return &dtypes[i];
    }
    return NULL;
}

/* ---- one entry of a header ---- */

struct header {
    struct trainer *t;
    const char *file;
    const opa_json *doc;
    const unsigned char *data; /* behind the header */
    uint64_t size;
};

static int bad(const struct header *h, const char *tensor, const char *what)
{
    return trainer_fail(h->t, OPA_EDATA, "%s: tensor '%.200s': %s", h->file, tensor, what);
}

static int read_shape(const struct header *h, struct tensor *out, const struct cJSON *value)
{
    if (!json_is_array(value))
        return bad(h, out->name, "no shape");
    for (const struct cJSON *item = json_first(value); item != NULL; item = json_next(item)) {
        int64_t n;
        if (out->rank == TENSOR_MAX_RANK)
            return bad(h, out->name, "more than 8 dimensions");
        if (!opa_json_integer(h->doc, item, &n) || n < 0)
            return bad(h, out->name, "a dimension is no whole number");
        out->shape[out->rank++] = (uint64_t)n;
    }
    return OPA_OK;
}

/* Bytes by dtype and shape; false: they do not fit 64 bits. */
static bool needed_bytes(uint64_t *out, const struct tensor *tensor, unsigned bits)
{
    uint64_t n = bits / 8;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (__builtin_mul_overflow(n, tensor->shape[i], &n))
            return false;
    }
    *out = n;
    return true;
}

static int read_range(const struct header *h, struct tensor *out, const struct cJSON *value)
{
    int64_t begin, end;
    const struct cJSON *first = json_is_array(value) ? json_first(value) : NULL;
    const struct cJSON *second = first ? json_next(first) : NULL;
    if (second == NULL || json_next(second) != NULL || !opa_json_integer(h->doc, first, &begin) ||
        !opa_json_integer(h->doc, second, &end) || begin < 0 || end < begin)
        return bad(h, out->name, "data_offsets are not two ascending whole numbers");
    if ((uint64_t)end > h->size)
        return trainer_fail(h->t, OPA_EDATA,
                            "%s: tensor '%.200s': data end at byte %" PRId64 ", the file holds %" PRIu64
                            ": it is cut, or its header is damaged",
                            h->file, out->name, end, h->size);
    out->data = h->data + begin;
    out->size = (uint64_t)(end - begin);
    return OPA_OK;
}

static int read_entry(const struct header *h, struct tensor *out, const struct cJSON *entry)
{
    opa_text name;
    char text[160], message[512];
    uint64_t bytes;
    if (!opa_json_text(h->doc, opa_json_get(entry, "dtype"), &name))
        return bad(h, out->name, "no dtype");
    const struct dtype *dtype = find_dtype(name);
    if (dtype == NULL)
        return trainer_fail(h->t, OPA_EDATA, "%s: tensor '%.200s': unknown dtype '%.*s'", h->file, out->name,
                            (int)(name.size < 20 ? name.size : 20), name.data);
    out->dtype = dtype->name;
    int status = read_shape(h, out, opa_json_get(entry, "shape"));
    if (status == OPA_OK)
        status = read_range(h, out, opa_json_get(entry, "data_offsets"));
    if (status != OPA_OK)
        return status;
    if (!needed_bytes(&bytes, out, dtype->bits) || bytes != out->size) {
        snprintf(message, sizeof message, "%s %s does not fit its %" PRIu64 " bytes of data", out->dtype,
                 tensor_shape_text(text, out->shape, out->rank), out->size);
        return bad(h, out->name, message);
    }
    return OPA_OK;
}

/* ---- a file ---- */

static int by_place(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    const uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;
    return p != q ? (p > q) - (p < q) : (x->size > y->size) - (x->size < y->size);
}

/* The data tile the file: no overlap, no hole, nothing behind. */
static int check_tiling(const struct header *h, struct tensor *tensors, size_t count)
{
    const unsigned char *end = h->data;
    qsort(tensors, count, sizeof *tensors, by_place);
    for (size_t i = 0; i < count; i++) {
        const unsigned char *begin = tensors[i].data;
        if (begin < end)
            return trainer_fail(h->t, OPA_EDATA, "%s: tensor '%.200s' overlaps '%.200s'", h->file, tensors[i].name,
                                tensors[i - 1].name);
        if (begin > end)
            return trainer_fail(h->t, OPA_EDATA, "%s: %zu bytes before tensor '%.200s' belong to no tensor", h->file,
                                (size_t)(begin - end), tensors[i].name);
        end = begin + tensors[i].size;
    }
    if (end != h->data + h->size)
        return trainer_fail(h->t, OPA_EDATA, "%s: %zu bytes at the end belong to no tensor", h->file,
                            (size_t)(h->data + h->size - end));
    return OPA_OK;
}

static bool is_metadata(opa_text key)
{
    return key.size == strlen("__metadata__") && memcmp(key.data, "__metadata__", key.size) == 0;
}

/* Append the header's tensors to @p st. */
static int read_entries(const struct header *h, struct safetensors *st, struct safetensors_file *file)
{
    const struct cJSON *root = opa_json_root(h->doc);
    const size_t before = st->count, more = json_count(root);
    struct tensor *grown = realloc(st->tensors, (before + more + 1) * sizeof *grown);
    if (grown == NULL)
        return trainer_fail_memory(h->t);
    st->tensors = grown;
    for (const struct cJSON *entry = json_first(root); entry != NULL; entry = json_next(entry)) {
        const opa_text key = opa_json_key(h->doc, entry);
        if (is_metadata(key))
            continue;
        struct tensor *out = &st->tensors[st->count];
        *out = (struct tensor){.name = json_strdup(key), .file = file->name, .path = file->path};
        if (out->name == NULL)
            return trainer_fail_memory(h->t);
        st->count++;
        if (strlen(out->name) != key.size)
            return bad(h, out->name, "its name holds a NUL");
        const int status = read_entry(h, out, entry);
        if (status != OPA_OK)
            return status;
    }
    return check_tiling(h, st->tensors + before, st->count - before);
}

/* Kernels want elements at their own alignment; writers pad the header to give it, old ones did not. */
static int align_data(struct trainer *t, struct safetensors *st, struct safetensors_file *file, size_t begin)
{
    for (size_t i = begin; i < st->count; i++) {
        struct tensor *tensor = &st->tensors[i];
        const size_t element = find_dtype((opa_text){tensor->dtype, strlen(tensor->dtype)})->bits / 8;
        if (tensor->size == 0 || (uintptr_t)tensor->data % element == 0)
            continue;
        void **list = realloc(file->aligned, (file->aligned_count + 1) * sizeof *list);
        if (list == NULL)
            return trainer_fail_memory(t);
        file->aligned = list;
        void *copy = malloc(tensor->size);
        if (copy == NULL)
            return trainer_fail_memory(t);
        list[file->aligned_count++] = copy;
        memcpy(copy, tensor->data, tensor->size);
        tensor->data = copy;
    }
    return OPA_OK;
}

int safetensors_file_read(struct trainer *t, struct safetensors *st, struct safetensors_file *file)
{
    const unsigned char *bytes = file->map.data;
    uint64_t length = 0;
    for (int i = 7; i >= 0 && file->map.size >= 8; i--)
        length = length << 8 | bytes[i];
    if (file->map.size < 8 || length > file->map.size - 8 || length > HEADER_MAX || length < 2 || bytes[8] != '{')
        return trainer_fail(t, OPA_EDATA, "%s: not a safetensors file, or cut in its header", file->path);
    struct header h = {t, file->path, NULL, bytes + 8 + length, file->map.size - 8 - length};
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    options.strict = true;
    options.max_depth = 8;
    opa_findings findings = {0};
    opa_json *doc;
    const size_t before = st->count;
    int status = opa_json_parse(t->opa, &doc, (opa_text){(const char *)bytes + 8, length}, &options, &findings);
    if (status != OPA_OK)
        status = trainer_fail(t, status, "%s: header: %s", file->path, opa_context_message(t->opa));
    else if ((status = json_refuse_duplicates(t, &findings, file->path)) == OPA_OK) {
        h.doc = doc;
        status = read_entries(&h, st, file);
    }
    opa_json_free(doc);
    opa_findings_release(&findings);
    return status == OPA_OK ? align_data(t, st, file, before) : status;
}

void safetensors_file_release(struct safetensors_file *file)
{
    for (size_t i = 0; i < file->aligned_count; i++)
        free(file->aligned[i]);
    free(file->aligned);
    mapped_release(&file->map);
    free(file->path);
}
