/* SPDX-License-Identifier: Apache-2.0 */
#include "packed.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detokenize.h"
#include "json_fields.h"

const char *role_name(enum role role)
{
    static const char *const names[ROLE_COUNT] = {"generated", "revised", "ground_truth"};
    return names[role];
}

static int broken(struct trainer *t, const struct packed *s, const char *what)
{
    return trainer_fail(t, OPA_ERECORD, "%.120s: %s", s->id ? s->id : "?", what);
}

static int read_ids(struct trainer *t, const struct packed *s, struct ids *out, const struct cJSON *list)
{
    int64_t id;
    int status = json_is_array(list) ? OPA_OK : broken(t, s, "a response without ids");
    out->count = 0;
    for (const struct cJSON *item = json_first(list); item != NULL && status == OPA_OK; item = json_next(item)) {
        if (!opa_json_integer(s->doc, item, &id) || id < 0 || id > INT32_MAX)
            status = broken(t, s, "an id that is no token");
        else
            status = ids_add(t, out, (int32_t)id);
    }
    return status;
}

static const char *const weights_names[PACKED_WEIGHTS] = {"language", "image"};

/* A list as long as the ids. */
static int read_weights(struct trainer *t, struct packed *s, struct packed_response *out, const struct cJSON *lists)
{
    for (int k = 0; k < PACKED_WEIGHTS; k++) {
        const struct cJSON *list = opa_json_get(lists, weights_names[k]);
        size_t n = 0;
        if (!json_is_array(list))
            continue;
        if (json_count(list) != out->ids.count)
            return broken(t, s, "not as many weights as ids");
        out->weights[k] = malloc((out->ids.count + 1) * sizeof *out->weights[k]);
        if (out->weights[k] == NULL)
            return trainer_fail_memory(t);
        for (const struct cJSON *item = json_first(list); item != NULL; item = json_next(item)) {
            if (!opa_json_number(s->doc, item, &out->weights[k][n]) || !(fabs(out->weights[k][n]) <= FLT_MAX))
                return trainer_fail(t, OPA_ERECORD, "%.120s: weights.%s[%zu] is no number of float32", s->id,
                                    weights_names[k], n);
            n++;
        }
    }
    return OPA_OK;
}

static void forget_weights(struct packed_response *response)
{
    for (int k = 0; k < PACKED_WEIGHTS; k++) {
        free(response->weights[k]);
        response->weights[k] = NULL;
    }
}

static int read_response(struct trainer *t, struct packed *s, enum role role, const struct cJSON *responses)
{
    struct packed_response *out = &s->responses[role];
    const struct cJSON *value = opa_json_get(responses, role_name(role));
    const struct ids ids = out->ids;
    forget_weights(out);
    *out = (struct packed_response){.there = json_is_object(value), .bos = true, .ids = ids};
    if (!out->there)
        return OPA_OK;
    struct fields f = {t, s->doc, value, s->id, OPA_OK};
    out->bos = fields_bool(&f, "bos", true);
    out->text = fields_text(&f, "text", "");
    if (f.status != OPA_OK)
        return OPA_ERECORD;
    const int status = read_ids(t, s, &out->ids, opa_json_get(value, "ids"));
    return status == OPA_OK ? read_weights(t, s, out, opa_json_get(value, "weights")) : status;
}

static int read_mask(struct trainer *t, const struct packed *s, struct mask *out, const struct cJSON *value)
{
    struct fields f = {t, s->doc, value, s->id, OPA_OK};
    const opa_text method = fields_text(&f, "method", ""), seed = fields_text(&f, "seed", "");
    char digits[17] = "";
    out->ratio = fields_number(&f, "ratio", 0);
    out->method = text_is(method, "pixels") ? MASK_PIXELS : text_is(method, "patches") ? MASK_PATCHES : MASK_NONE;
    if (seed.size == 16)
        memcpy(digits, seed.data, 16);
    out->seed = strtoull(digits, NULL, 16);
    if (f.status != OPA_OK || strspn(digits, "0123456789abcdef") != 16 || !(out->ratio >= 0 && out->ratio <= 1) ||
        (out->method == MASK_NONE && !text_is(method, "none")))
        return broken(t, s, "a mask that is none");
    return OPA_OK;
}

static enum role role_of(opa_text name)
{
    enum role role = ROLE_GENERATED;
    while (role < ROLE_COUNT && !text_is(name, role_name(role)))
        role++;
    return role;
}

/* Image pairs say which responses are also wanted under a masked image. */
static int read_image_pair(struct trainer *t, struct packed *s, struct fields *f, enum role role,
                           const struct cJSON *masks)
{
    int64_t place = fields_integer(f, "mask", 0, 0, 1000);
    const struct cJSON *mask = json_first(masks);
    for (; mask != NULL && place > 0; place--)
        mask = json_next(mask);
    if (f->status != OPA_OK || mask == NULL)
        return broken(t, s, "an image pair without its mask");
    if (s->responses[role].masked)
        return OPA_OK;
    s->responses[role].masked = true;
    return read_mask(t, s, &s->responses[role].mask, mask);
}

static bool type_of(enum pair_type *out, opa_text name)
{
    for (int type = 0; type < PAIR_TYPES; type++) {
        if (text_is(name, pair_type_name((enum pair_type)type))) {
            *out = (enum pair_type)type;
            return true;
        }
    }
    return false;
}

static int read_pair(struct trainer *t, struct packed *s, const struct cJSON *value, const struct cJSON *masks)
{
    struct fields f = {t, s->doc, value, s->id, OPA_OK};
    struct packed_pair *pair = &s->pairs[s->pair_count];
    const opa_text weights = fields_text(&f, "weights", NULL);
    if (!type_of(&pair->type, fields_text(&f, "type", "")))
        return broken(t, s, "a pair of no known type");
    const bool language = pair->type == PAIR_LANGUAGE;
    pair->chosen = role_of(fields_text(&f, language ? "chosen" : "response", ""));
    pair->rejected = language ? role_of(fields_text(&f, "rejected", "")) : pair->chosen;
    if (pair->chosen == ROLE_COUNT || pair->rejected == ROLE_COUNT || !s->responses[pair->chosen].there ||
        !s->responses[pair->rejected].there)
        return broken(t, s, "a pair without its response");
    pair->weights = weights.data == NULL ? -1 : text_is(weights, weights_names[1]);
    if (pair->weights >= 0 && (s->responses[pair->chosen].weights[pair->weights] == NULL ||
                               s->responses[pair->rejected].weights[pair->weights] == NULL))
        return broken(t, s, "a weighted pair of responses without weights");
    s->pair_count++;
    return pair->type == PAIR_IMAGE ? read_image_pair(t, s, &f, pair->chosen, masks) : OPA_OK;
}

static int read_pairs(struct trainer *t, struct packed *s, const struct cJSON *list, const struct cJSON *masks)
{
    int status = OPA_OK;
    struct packed_pair *pairs = realloc(s->pairs, (json_count(list) + 1) * sizeof *pairs);
    if (pairs == NULL)
        return trainer_fail_memory(t);
    s->pairs = pairs;
    s->pair_count = 0;
    for (const struct cJSON *pair = json_first(list); pair != NULL && status == OPA_OK; pair = json_next(pair))
        status = read_pair(t, s, pair, masks);
    return status;
}

static int read_document(struct trainer *t, struct packed *s)
{
    const struct cJSON *root = opa_json_root(s->doc);
    struct fields f = {t, s->doc, root, s->id, OPA_OK};
    const int64_t version = fields_integer(&f, "schema_version", 1, 0, INT64_MAX);
    if (f.status != OPA_OK)
        return OPA_ERECORD;
    if (version != 1)
        return trainer_fail(t, OPA_ERECORD, "%.120s: schema_version %lld: this program reads 1", s->id,
                            (long long)version);
    const struct cJSON *responses = opa_json_get(root, "responses"), *masks = opa_json_get(root, "masks");
    if (!opa_json_text(s->doc, opa_json_get(root, "prompt"), &s->prompt))
        return broken(t, s, "no prompt");
    int status = OPA_OK;
    for (int r = 0; r < ROLE_COUNT && status == OPA_OK; r++)
        status = read_response(t, s, (enum role)r, responses);
    return status == OPA_OK ? read_pairs(t, s, opa_json_get(root, "pairs"), masks) : status;
}

int packed_read(struct trainer *t, struct packed *s, opa_pack *pack, size_t index)
{
    opa_pack_members members;
    opa_json_free(s->doc);
    free(s->id);
    s->doc = NULL;
    s->id = json_strdup(opa_pack_at(pack, index)->id);
    if (s->id == NULL)
        return trainer_fail_memory(t);
    int status = opa_pack_read(pack, &members, index);
    if (status != OPA_OK)
        return trainer_fail_library(t, status, NULL);
    s->image = members.image;
    status = opa_json_parse(t->opa, &s->doc, members.json, NULL, NULL);
    return status == OPA_OK ? read_document(t, s) : trainer_fail_library(t, OPA_ERECORD, s->id);
}

void packed_release(struct packed *s)
{
    opa_json_free(s->doc);
    free(s->id);
    for (int r = 0; r < ROLE_COUNT; r++) {
        ids_release(&s->responses[r].ids);
        forget_weights(&s->responses[r]);
    }
    free(s->pairs);
    *s = (struct packed){0};
}

/* ---- tokenizers ---- */

int packed_check_tokenizer(struct trainer *t, bool *by_text, const opa_pack *pack, const opa_tokenizer *tokenizer)
{
    const opa_json *manifest = opa_pack_manifest(pack);
    const struct cJSON *own = opa_json_get(opa_json_root(manifest), "tokenizer");
    opa_text fingerprint;
    if (!opa_json_text(manifest, opa_json_get(own, "fingerprint"), &fingerprint))
        return trainer_fail(t, OPA_EDATA, "manifest.json: no fingerprint of the tokenizer");
    *by_text = !text_is(fingerprint, opa_tokenizer_fingerprint(tokenizer));
    return OPA_OK;
}

/* Half surrogates are U+FFFD to a tokenizer: such texts cannot be compared. */
static bool has_surrogate(opa_text text)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        if ((unsigned char)text.data[i] == 0xED && (unsigned char)text.data[i + 1] >= 0xA0)
            return true;
    }
    return false;
}

int packed_check_text(struct trainer *t, const struct packed *s, const opa_tokenizer *tokenizer)
{
    for (int r = 0; r < ROLE_COUNT; r++) {
        const struct packed_response *response = &s->responses[r];
        char *text = NULL;
        size_t size = 0;
        if (!response->there || has_surrogate(response->text))
            continue;
        const int status = detokenize(t, &text, &size, tokenizer, response->ids.data, response->ids.count);
        const bool same =
            status == OPA_OK && size == response->text.size && memcmp(text, response->text.data, size) == 0;
        free(text);
        if (status != OPA_OK)
            return status;
        if (!same)
            return trainer_fail(
                t, OPA_EDATA,
                "%.120s: the model's tokenizer reads other words from the ids of '%s': the pack was made for "
                "another model; pack again with --tokenizer and this checkpoint",
                s->id, role_name((enum role)r));
    }
    return OPA_OK;
}

int packed_ids(struct trainer *t, struct ids *out, const struct packed_response *response, enum context context,
               int32_t bos)
{
    int status = OPA_OK;
    out->count = 0;
    if (response->there && context == CONTEXT_RELEASE && response->bos)
        status = ids_add(t, out, bos);
    for (size_t i = 0; i < response->ids.count && response->there && status == OPA_OK; i++)
        status = ids_add(t, out, response->ids.data[i]);
    return status;
}
