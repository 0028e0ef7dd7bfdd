/* SPDX-License-Identifier: Apache-2.0 */
#include "json/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "json/number.h"

void opa_json_free(opa_json *doc)
{
    if (!doc)
        return;
    cJSON_Delete(doc->root);
    opa_arena_free(doc->arena);
    free(doc->values);
    free(doc->nul_keys);
    free(doc->places);
    free(doc);
}

const cJSON *opa_json_root(const opa_json *doc)
{
    return doc->root;
}

const cJSON *opa_json_get(const cJSON *object, const char *key)
{
    if (!cJSON_IsObject(object))
        return NULL;
    for (const cJSON *child = object->child; child; child = child->next)
        if (strcmp(child->string, key) == 0)
            return child;
    return NULL;
}

static bool value_of(const opa_json *doc, const cJSON *value, opa_text *out)
{
    if (value->valueint < 0 || (size_t)value->valueint >= doc->value_count)
        return false;
    *out = doc->values[value->valueint];
    return true;
}

bool opa_json_text(const opa_json *doc, const cJSON *value, opa_text *out)
{
    return cJSON_IsString(value) && value_of(doc, value, out);
}

opa_text opa_json_key(const opa_json *doc, const cJSON *value)
{
    if (!value || !value->string)
        return (opa_text){0};
    if (value->string[0] != OPA_JSON_NUL_KEY)
        return (opa_text){value->string, strlen(value->string)};
    const size_t index = strtoul(value->string + 1, NULL, 10);
    return index < doc->nul_key_count ? doc->nul_keys[index] : (opa_text){0};
}

bool opa_json_lexeme(const opa_json *doc, const cJSON *value, opa_text *out)
{
    return cJSON_IsNumber(value) && value_of(doc, value, out);
}

bool opa_json_number(const opa_json *doc, const cJSON *value, double *out)
{
    (void)doc;
    if (!cJSON_IsNumber(value))
        return false;
    *out = value->valuedouble;
    return true;
}

bool opa_json_integer(const opa_json *doc, const cJSON *value, int64_t *out)
{
    opa_text lexeme;
    return opa_json_lexeme(doc, value, &lexeme) && opa_json_number_integer(lexeme, out);
}

bool opa_json_is_null(const cJSON *value)
{
    return cJSON_IsNull(value);
}

bool opa_json_is_string(const opa_json *doc, const cJSON *value)
{
    (void)doc;
    return cJSON_IsString(value);
}

bool opa_json_place_of(const opa_json *doc, const char *key, opa_json_place *out)
{
    const opa_text name = {key, strlen(key)};
    for (size_t i = doc->place_count; i > 0; i--) {
        if (opa_text_equal(doc->places[i - 1].key, name)) {
            *out = doc->places[i - 1].place;
            return true;
        }
    }
    return false;
}
