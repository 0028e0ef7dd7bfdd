/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/decode.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/sha256.h"

typedef struct decoder {
    opa_context *ctx;
    const opa_json *doc;
    opa_decoded *out;
    size_t masks;
} decoder;

static int bad(const decoder *d, const char *where, const char *what)
{
    return opa_fail(d->ctx, OPA_ERECORD, "%s: %s", where, what);
}

/* A text, or with @p optional also null or nothing (data NULL). */
static int text(const decoder *d, opa_text *out, const cJSON *object, const char *key, bool optional)
{
    const cJSON *value = opa_json_get(object, key);
    *out = (opa_text){0};
    if (optional && (!value || opa_json_is_null(value)))
        return OPA_OK;
    return value && opa_json_text(d->doc, value, out) ? OPA_OK : bad(d, key, "a text is expected");
}

static bool named(const decoder *d, const cJSON *value, const char *const *names, size_t count, size_t *which)
{
    opa_text t;
    if (!value || !opa_json_text(d->doc, value, &t))
        return false;
    for (*which = 0; *which < count; ++*which)
        if (strlen(names[*which]) == t.size && memcmp(names[*which], t.data, t.size) == 0)
            return true;
    return false;
}

static bool hexadecimal(opa_text t, size_t digits)
{
    for (size_t i = 0; i < t.size; i++)
        if (!((t.data[i] >= '0' && t.data[i] <= '9') || (t.data[i] >= 'a' && t.data[i] <= 'f')))
            return false;
    return t.size == digits;
}

static int image(const decoder *d, const cJSON *root)
{
    static const char *const names[] = {"jpeg", "png"};
    static const opa_image_format formats[] = {OPA_IMAGE_JPEG, OPA_IMAGE_PNG};
    const cJSON *value = opa_json_get(root, "image");
    opa_sample *s = &d->out->sample;
    if (value && opa_json_is_null(value))
        return OPA_OK;
    int64_t width, height;
    size_t format;
    opa_text hash;
    if (!cJSON_IsObject(value) || !named(d, opa_json_get(value, "format"), names, 2, &format))
        return bad(d, "image", "null, or an object with the format \"jpeg\" or \"png\", is expected");
    if (!opa_json_integer(d->doc, opa_json_get(value, "width"), &width) || width < 1 || width > UINT32_MAX ||
        !opa_json_integer(d->doc, opa_json_get(value, "height"), &height) || height < 1 || height > UINT32_MAX)
        return bad(d, "image", "width and height in pixels are expected");
    if (text(d, &hash, value, "sha256", false) || !hexadecimal(hash, 2 * OPA_SHA256_SIZE))
        return bad(d, "image.sha256", "64 hexadecimal digits are expected");
    char digits[2 * OPA_SHA256_SIZE + 1] = "";
    memcpy(digits, hash.data, hash.size);
    opa_unhex(s->image_sha256, digits, OPA_SHA256_SIZE);
    s->has_image = s->image_expected = true;
    s->image_format = formats[format];
    s->image_width = (uint32_t)width;
    s->image_height = (uint32_t)height;
    return OPA_OK;
}

static int ids(const decoder *d, const cJSON *list, const char *where, size_t *count)
{
    *count = 0;
    if (!cJSON_IsArray(list))
        return bad(d, where, "a list of ids is expected");
    for (const cJSON *item = list->child; item; item = item->next, ++*count) {
        int64_t id;
        if (!opa_json_integer(d->doc, item, &id) || id < 0 || id > INT32_MAX)
            return bad(d, where, "a list of ids is expected");
    }
    return OPA_OK;
}

static int weights(const decoder *d, const cJSON *list, const char *where, size_t wanted)
{
    size_t count = 0;
    if (!cJSON_IsArray(list))
        return bad(d, where, "a list of weights is expected");
    for (const cJSON *item = list->child; item; item = item->next, count++) {
        double weight;
        if (!opa_json_number(d->doc, item, &weight) || !(weight >= 0 && weight < HUGE_VAL))
            return bad(d, where, "a weight is no number from 0 on");
    }
    return count == wanted ? OPA_OK : bad(d, where, "there are not as many weights as ids");
}

static int response(const decoder *d, const cJSON *value, opa_role role, opa_text *out)
{
    char where[64];
    snprintf(where, sizeof where, "responses.%s", opa_role_names[role]);
    if (!cJSON_IsObject(value))
        return bad(d, where, "an object is expected");
    int status = text(d, out, value, "text", false);
    const cJSON *bos = opa_json_get(value, "bos"), *both = opa_json_get(value, "weights");
    if (status)
        return bad(d, where, "a text is expected");
    if (bos && !cJSON_IsBool(bos))
        return bad(d, where, "\"bos\" is true or false");
    snprintf(where, sizeof where, "responses.%s.ids", opa_role_names[role]);
    status = ids(d, opa_json_get(value, "ids"), where, &d->out->tokens[role]);
    for (size_t k = 0; k < OPA_WEIGHTS && status == OPA_OK; k++) {
        snprintf(where, sizeof where, "responses.%s.weights.%s", opa_role_names[role], opa_weights_names[k]);
        status = weights(d, opa_json_get(both, opa_weights_names[k]), where, d->out->tokens[role]);
    }
    return status;
}

static int responses(const decoder *d, const cJSON *root)
{
    opa_sample *s = &d->out->sample;
    opa_text *const texts[OPA_ROLES] = {&s->generated, &s->revised, &s->ground_truth};
    const cJSON *all = opa_json_get(root, "responses");
    if (!cJSON_IsObject(all) || !opa_json_get(all, "generated"))
        return bad(d, "responses", "an object with \"generated\" is expected");
    for (int r = 0; r < OPA_ROLES; r++) {
        const cJSON *value = opa_json_get(all, opa_role_names[r]);
        const int status = value ? response(d, value, (opa_role)r, texts[r]) : OPA_OK;
        if (status)
            return status;
    }
    return OPA_OK;
}

static bool present(const decoder *d, const cJSON *value)
{
    const opa_sample *s = &d->out->sample;
    size_t role;
    if (!named(d, value, opa_role_names, OPA_ROLES, &role))
        return false;
    return role == OPA_ROLE_GENERATED || (role == OPA_ROLE_REVISED ? s->revised.data : s->ground_truth.data) != NULL;
}

static int pair(const decoder *d, const cJSON *value, const char *where)
{
    size_t *const counts[] = {&d->out->pairs.language, &d->out->pairs.image, &d->out->pairs.anchor};
    size_t type, which;
    int64_t mask;
    if (!cJSON_IsObject(value) || !named(d, opa_json_get(value, "type"), opa_pair_type_names, 3, &type))
        return bad(d, where, "an object with the type \"language\", \"image\" or \"anchor\" is expected");
    if (!present(d, opa_json_get(value, type == OPA_PAIR_LANGUAGE ? "chosen" : "response")) ||
        (type == OPA_PAIR_LANGUAGE && !present(d, opa_json_get(value, "rejected"))))
        return bad(d, where, "it names a response that is not there");
    if (type == OPA_PAIR_IMAGE &&
        (!d->out->sample.has_image || !opa_json_integer(d->doc, opa_json_get(value, "mask"), &mask) || mask < 0 ||
         (uint64_t)mask >= d->masks))
        return bad(d, where, "an image and the place of a mask are expected");
    const cJSON *by = opa_json_get(value, "weights");
    if (by && !opa_json_is_null(by) && !named(d, by, opa_weights_names, OPA_WEIGHTS, &which))
        return bad(d, where, "weights are null, \"language\" or \"image\"");
    ++*counts[type];
    return OPA_OK;
}

static int pairs(const decoder *d, const cJSON *root)
{
    const cJSON *list = opa_json_get(root, "pairs");
    if (!cJSON_IsArray(list))
        return bad(d, "pairs", "a list is expected");
    size_t i = 0;
    for (const cJSON *item = list->child; item; item = item->next, i++) {
        char where[32];
        snprintf(where, sizeof where, "pairs[%zu]", i);
        const int status = pair(d, item, where);
        if (status)
            return status;
    }
    return OPA_OK;
}

static int masks(decoder *d, const cJSON *root)
{
    const cJSON *list = opa_json_get(root, "masks");
    if (!cJSON_IsArray(list))
        return bad(d, "masks", "a list is expected");
    for (const cJSON *item = list->child; item; item = item->next, d->masks++) {
        size_t method;
        double ratio;
        opa_text seed;
        if (!named(d, opa_json_get(item, "method"), opa_mask_names, 3, &method) ||
            !opa_json_number(d->doc, opa_json_get(item, "ratio"), &ratio) || !(ratio >= 0 && ratio <= 1))
            return bad(d, "masks", "a method and a ratio from 0 to 1 are expected");
        if (text(d, &seed, item, "seed", false) || !hexadecimal(seed, 16))
            return bad(d, "masks", "a seed of 16 hexadecimal digits is expected");
        if (d->masks == 0)
            d->out->mask_seed = seed;
    }
    return OPA_OK;
}

static int source(const decoder *d, const cJSON *root)
{
    const cJSON *value = opa_json_get(root, "source");
    opa_sample *s = &d->out->sample;
    s->source_record = -1;
    if (!value || opa_json_is_null(value))
        return OPA_OK;
    s->report_field = "report";
    if (!cJSON_IsObject(value) || text(d, &s->source_file, value, "file", true))
        return bad(d, "source", "an object with a file and a record is expected");
    const cJSON *record = opa_json_get(value, "record");
    return record && opa_json_integer(d->doc, record, &s->source_record)
               ? OPA_OK
               : bad(d, "source.record", "the place of the record in its file is expected");
}

static int rest(const decoder *d, const cJSON *root)
{
    opa_sample *s = &d->out->sample;
    opa_text certificate;
    int status = text(d, &certificate, root, "certificate", true);
    if (status || (status = text(d, &s->image_id, root, "image_id", true)) ||
        (status = text(d, &s->report, root, "feedback", true)))
        return status;
    s->report_expected = s->report.data != NULL;
    /* The revised text in a pack is the one in force, whatever the report would give. */
    s->revised_by_hand = s->revised.data != NULL;
    return OPA_OK;
}

int opa_decode_member(opa_context *ctx, opa_decoded *out, const opa_json *doc)
{
    *out = (opa_decoded){0};
    decoder d = {.ctx = ctx, .doc = doc, .out = out};
    const cJSON *root = opa_json_root(doc);
    int64_t version;
    if (!cJSON_IsObject(root))
        return bad(&d, "the member", "an object is expected");
    const cJSON *v = opa_json_get(root, "schema_version");
    if (!v || !opa_json_integer(doc, v, &version) || version != 1)
        return bad(&d, "schema_version", "1 is expected");
    int status = text(&d, &out->sample.id, root, "id", false);
    if (status || (status = image(&d, root)) || (status = text(&d, &out->sample.prompt, root, "prompt", false)) ||
        (status = responses(&d, root)) || (status = masks(&d, root)) || (status = pairs(&d, root)) ||
        (status = source(&d, root)))
        return status;
    return rest(&d, root);
}
