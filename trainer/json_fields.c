/* SPDX-License-Identifier: Apache-2.0 */
#include "json_fields.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int json_refuse_duplicates(struct trainer *t, const opa_findings *findings, const char *name)
{
    for (size_t i = 0; i < findings->count; i++) {
        const opa_finding *f = &findings->items[i];
        if (f->code == OPA_F_DUPLICATE_KEY)
            return trainer_fail(t, OPA_EDATA, "%s: line %lld: %s", name, (long long)f->line, f->message);
    }
    return OPA_OK;
}

static int parse(struct trainer *t, struct json_file *out, opa_text bytes, const char *name, bool exact)
{
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    opa_findings findings = {0};
    *out = (struct json_file){0};
    options.strict = exact;
    int status = opa_json_parse(t->opa, &out->doc, bytes, &options, exact ? &findings : NULL);
    if (status != OPA_OK)
        status = trainer_fail_library(t, status, name);
    else if ((status = json_refuse_duplicates(t, &findings, name)) == OPA_OK &&
             !cJSON_IsObject(opa_json_root(out->doc)))
        status = trainer_fail(t, OPA_EDATA, "%s: not a JSON object", name);
    opa_findings_release(&findings);
    if (status != OPA_OK)
        json_file_release(out);
    return status;
}

int json_file_parse(struct trainer *t, struct json_file *out, opa_text bytes, const char *name)
{
    return parse(t, out, bytes, name, false);
}

int json_file_parse_exact(struct trainer *t, struct json_file *out, opa_text bytes, const char *name)
{
    return parse(t, out, bytes, name, true);
}

int json_file_open(struct trainer *t, struct json_file *out, const char *path)
{
    struct mapped map;
    *out = (struct json_file){0};
    int status = mapped_open(t, &map, path);
    if (status != OPA_OK)
        return status;
    status = parse(t, out, (opa_text){(const char *)map.data, map.size}, path, false);
    if (status == OPA_OK)
        out->map = map;
    else
        mapped_release(&map);
    return status;
}

struct fields json_file_fields(struct trainer *t, const struct json_file *file, const char *where)
{
    return (struct fields){t, file->doc, opa_json_root(file->doc), where, OPA_OK};
}

void json_file_release(struct json_file *file)
{
    opa_json_free(file->doc);
    mapped_release(&file->map);
    *file = (struct json_file){0};
}

bool json_is_object(const struct cJSON *value)
{
    return cJSON_IsObject(value);
}

bool json_is_array(const struct cJSON *value)
{
    return cJSON_IsArray(value);
}

bool json_is_true(const struct cJSON *value)
{
    return cJSON_IsTrue(value);
}

bool json_is_false(const struct cJSON *value)
{
    return cJSON_IsFalse(value);
}

const struct cJSON *json_first(const struct cJSON *container)
{
    return cJSON_IsObject(container) || cJSON_IsArray(container) ? container->child : NULL;
}

const struct cJSON *json_next(const struct cJSON *item)
{
    return item->next;
}

size_t json_count(const struct cJSON *container)
{
    size_t n = 0;
    for (const struct cJSON *item = json_first(container); item != NULL; item = item->next)
        n++;
    return n;
}

char *json_strdup(opa_text text)
{
    char *copy = text.data ? malloc(text.size + 1) : NULL;
    if (copy == NULL)
        return NULL;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

char *json_strdup_value(const opa_json *doc, const struct cJSON *value)
{
    opa_text text;
    return opa_json_text(doc, value, &text) ? json_strdup(text) : NULL;
}

bool text_is(opa_text text, const char *literal)
{
    return text.data != NULL && text.size == strlen(literal) && memcmp(text.data, literal, text.size) == 0;
}

/* ---- fields ---- */

void fields_fail(struct fields *f, int status, const char *format, ...)
{
    char what[600];
    if (f->status != OPA_OK)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    f->status = trainer_fail(f->t, status, "%s: %s", f->where, what);
}

static const struct cJSON *find(const struct fields *f, const char *key)
{
    const struct cJSON *value = f->object ? opa_json_get(f->object, key) : NULL;
    return value == NULL || opa_json_is_null(value) ? NULL : value;
}

bool fields_has(const struct fields *f, const char *key)
{
    return find(f, key) != NULL;
}

struct fields fields_object(struct fields *f, const char *key, const char *where)
{
    const struct cJSON *value = find(f, key);
    if (value != NULL && !cJSON_IsObject(value)) {
        fields_fail(f, OPA_EDATA, "%s is no object", key);
        value = NULL;
    }
    return (struct fields){f->t, f->doc, value, where, f->status};
}

int64_t fields_integer(struct fields *f, const char *key, int64_t otherwise, int64_t least, int64_t most)
{
    const struct cJSON *value = find(f, key);
    int64_t n;
    if (value == NULL)
        return otherwise;
    if (!opa_json_integer(f->doc, value, &n) || n < least || n > most) {
        fields_fail(f, OPA_EDATA, "%s is no whole number from %lld to %lld", key, (long long)least, (long long)most);
        return otherwise;
    }
    return n;
}

size_t fields_numbers(struct fields *f, const char *key, double *out, size_t most, bool single)
{
    const struct cJSON *value = find(f, key);
    size_t n = 0;
    if (value == NULL || (single && opa_json_number(f->doc, value, out)))
        return value != NULL;
    if (!cJSON_IsArray(value))
        fields_fail(f, OPA_EDATA, "%s is no list of numbers", key);
    for (const struct cJSON *item = json_first(value); item != NULL && f->status == OPA_OK; item = item->next) {
        if (n == most || !opa_json_number(f->doc, item, &out[n]) || !isfinite(out[n]))
            fields_fail(f, OPA_EDATA, "%s is no list of at most %zu numbers", key, most);
        else
            n++;
    }
    return n;
}

double fields_number(struct fields *f, const char *key, double otherwise)
{
    const struct cJSON *value = find(f, key);
    double x;
    if (value == NULL)
        return otherwise;
    if (!opa_json_number(f->doc, value, &x) || !isfinite(x)) {
        fields_fail(f, OPA_EDATA, "%s is no number", key);
        return otherwise;
    }
    return x;
}

bool fields_bool(struct fields *f, const char *key, bool otherwise)
{
    const struct cJSON *value = find(f, key);
    if (value == NULL)
        return otherwise;
    if (!cJSON_IsBool(value))
        fields_fail(f, OPA_EDATA, "%s is neither true nor false", key);
    return cJSON_IsTrue(value);
}

opa_text fields_text(struct fields *f, const char *key, const char *otherwise)
{
    const struct cJSON *value = find(f, key);
    opa_text text = {otherwise, otherwise ? strlen(otherwise) : 0};
    if (value != NULL && !opa_json_text(f->doc, value, &text))
        fields_fail(f, OPA_EDATA, "%s is no text", key);
    return text;
}
