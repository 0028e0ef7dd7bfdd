/* SPDX-License-Identifier: Apache-2.0 */
/* Recipe documents: schemas/recipe.schema.json says the same in JSON Schema. Unknown keys are refused, so that a
 * misspelt one cannot silently leave its default in force. */
#include "pairs/recipe.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/context.h"
#include "base/utf8.h"

#define MAX_DOCUMENT ((size_t)1 << 20)

const char *const opa_role_names[OPA_ROLES] = {"generated", "revised", "ground_truth"};
const char *const opa_pair_type_names[3] = {"language", "image", "anchor"};
const char *const opa_weights_names[OPA_WEIGHTS] = {"language", "image"};
const char *const opa_mask_names[3] = {"pixels", "patches", "none"};
const char *const opa_revised_names[] = {"spliced", "stored", NULL};
const char *const opa_tokenization_names[] = {"whole", "sentences", NULL};
const char *const opa_by_names[] = {"none", "score", "error_type", "hunks", NULL};
const char *const opa_repetition_names[] = {"loop", "released", "none", NULL};
const char *const opa_required_names[] = {"any", "required", NULL};
const char *const opa_unedited_names[] = {"keep", "drop", NULL};
const char *const opa_certificate_names[OPA_CERTIFICATES + 1] = {"none",      "exact",  "repaired",
                                                                 "ambiguous", "broken", NULL};
const char *const opa_score_keys[] = {"1", "2", "3", "4"};
static const char *const type_keys[] = {"correct", "image_recognition_error", "language_comprehension_error"};
static const double score_defaults[] = {1.0, 2.5, 2.0, 1.5, 1.0};
static const double type_defaults[] = {1.0, 1.0, 3.0, 1.0, 1.0};

/* A place in the document that is being read; path is for messages ("pairs[2].type"). */
typedef struct place {
    opa_context *ctx;
    const opa_json *doc;
    const cJSON *value;
    char path[96];
} place;

static place member(const place *in, const char *key)
{
    place p = {.ctx = in->ctx, .doc = in->doc, .value = opa_json_get(in->value, key)};
    snprintf(p.path, sizeof p.path, "%.60s%s%s", in->path, in->path[0] ? "." : "", key);
    return p;
}

static place element(const place *in, const cJSON *value, size_t i)
{
    place p = {.ctx = in->ctx, .doc = in->doc, .value = value};
    snprintf(p.path, sizeof p.path, "%.60s[%zu]", in->path, i);
    return p;
}

/* "a", "b" or "c" */
static void add_names(opa_buffer *b, const char *const *names, const char *quote)
{
    for (size_t i = 0; names[i]; i++)
        opa_buffer_printf(b, "%s%s%s%s", i == 0 ? "" : names[i + 1] ? ", " : " or ", quote, names[i], quote);
}

static int expected(const place *p, const char *what)
{
    return opa_fail(p->ctx, OPA_EDATA, "recipe: %s: %s; allowed is %s", p->path[0] ? p->path : "the document",
                    p->value ? "not allowed" : "missing", what);
}

static int expected_names(const place *p, const char *const *names)
{
    opa_buffer b = {0};
    add_names(&b, names, "\"");
    const int status = b.failed ? opa_fail_memory(p->ctx) : expected(p, b.data);
    opa_buffer_release(&b);
    return status;
}

/* An object with no other keys than these. */
static int object(const place *p, const char *const *keys)
{
    if (!p->value || !cJSON_IsObject(p->value))
        return expected(p, "an object");
    for (const cJSON *m = p->value->child; m; m = m->next) {
        const opa_text key = opa_json_key(p->doc, m);
        size_t i = 0;
        while (keys[i] && (strlen(keys[i]) != key.size || memcmp(keys[i], key.data, key.size) != 0))
            i++;
        if (keys[i])
            continue;
        opa_buffer b = {0};
        add_names(&b, keys, "");
        const int shown = key.size < 60 ? (int)key.size : 60;
        const int status = b.failed ? opa_fail_memory(p->ctx)
                                    : opa_fail(p->ctx, OPA_EDATA, "recipe: %s%s%.*s: unknown key; allowed are %s",
                                               p->path, p->path[0] ? "." : "", shown, key.data, b.data);
        opa_buffer_release(&b);
        return status;
    }
    return OPA_OK;
}

/* One of the names; absent gives fallback, or is an error when that is negative. */
static int choice(int *out, const place *p, const char *const *names, int fallback)
{
    opa_text text;
    *out = fallback;
    if (!p->value && fallback >= 0)
        return OPA_OK;
    if (!p->value || !opa_json_text(p->doc, p->value, &text))
        return expected_names(p, names);
    for (int i = 0; names[i]; i++)
        if (strlen(names[i]) == text.size && memcmp(names[i], text.data, text.size) == 0) {
            *out = i;
            return OPA_OK;
        }
    return expected_names(p, names);
}

static int number(double *out, const place *p, double fallback, double most, const char *what)
{
    *out = fallback;
    if (!p->value)
        return OPA_OK;
    if (!opa_json_number(p->doc, p->value, out) || !(*out >= 0 && *out <= most))
        return expected(p, what);
    return OPA_OK;
}

static int limit(int64_t *out, const place *p)
{
    *out = -1;
    if (!p->value || opa_json_is_null(p->value))
        return OPA_OK;
    if (!opa_json_integer(p->doc, p->value, out) || *out < 1)
        return expected(p, "null or a number of tokens from 1 on");
    return OPA_OK;
}

static int string(char **out, const place *p, size_t most, const char *what)
{
    opa_text text = OPA_TEXT("");
    if (p->value && (!opa_json_text(p->doc, p->value, &text) || text.size > most || memchr(text.data, '\0', text.size)))
        return expected(p, what);
    *out = calloc(1, text.size + 1);
    if (!*out)
        return opa_fail_memory(p->ctx);
    memcpy(*out, text.data, text.size);
    return OPA_OK;
}

static int read_name(opa_recipe *recipe, const place *root)
{
    static const char allowed[] = "a name of 1 to 64 letters, digits and . _ -";
    const place p = member(root, "name");
    if (!p.value)
        return expected(&p, allowed);
    const int status = string(&recipe->name, &p, 64, allowed);
    if (status)
        return status;
    const size_t size = strlen(recipe->name);
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return size == 0 || strspn(recipe->name, letters) != size ? expected(&p, allowed) : OPA_OK;
}

static int read_role(opa_role *out, const place *pair, const char *key, bool generated)
{
    static const char *const names[] = {"revised", "ground_truth", "generated", NULL};
    static const char *const without[] = {"revised", "ground_truth", NULL};
    static const opa_role roles[] = {OPA_ROLE_REVISED, OPA_ROLE_GROUND_TRUTH, OPA_ROLE_GENERATED};
    int which;
    const place p = member(pair, key);
    const int status = choice(&which, &p, generated ? names : without, -1);
    if (status == OPA_OK)
        *out = roles[which];
    return status;
}

static int read_pair_weights(opa_recipe_pair *out, const place *pair)
{
    static const char *const names[] = {"language", "image", NULL};
    out->weights = -1;
    const place p = member(pair, "weights");
    if (!p.value || opa_json_is_null(p.value))
        return OPA_OK;
    return opa_json_is_string(p.doc, p.value) ? choice(&out->weights, &p, names, -1)
                                              : expected(&p, "null, \"language\" or \"image\"");
}

static int read_language_pair(opa_recipe_pair *out, const place *p)
{
    static const char *const keys[] = {"type", "chosen", "rejected", "weights", NULL};
    int status = object(p, keys);
    if (status || (status = read_role(&out->chosen, p, "chosen", true)) ||
        (status = read_role(&out->rejected, p, "rejected", true)) || (status = read_pair_weights(out, p)))
        return status;
    return out->chosen == out->rejected
               ? opa_fail(p->ctx, OPA_EDATA, "recipe: %s: chosen and rejected are the same response", p->path)
               : OPA_OK;
}

static int read_image_pair(opa_recipe_pair *out, const place *p, size_t masks)
{
    static const char *const keys[] = {"type", "response", "mask", "weights", NULL};
    int status = object(p, keys);
    if (status || (status = read_role(&out->chosen, p, "response", true)) || (status = read_pair_weights(out, p)))
        return status;
    const place at = member(p, "mask");
    int64_t mask = 0;
    if (at.value && (!opa_json_integer(at.doc, at.value, &mask) || mask < 0 || (uint64_t)mask >= masks))
        return opa_fail(p->ctx, OPA_EDATA, "recipe: %s: not allowed; allowed is the place of a mask, 0 to %zu", at.path,
                        masks - 1);
    out->mask = (size_t)mask;
    return OPA_OK;
}

static int read_pair(opa_recipe_pair *out, const place *p, size_t masks)
{
    static const char *const names[] = {"language", "image", "anchor", NULL};
    static const char *const anchor_keys[] = {"type", "response", NULL};
    if (!cJSON_IsObject(p->value))
        return expected(p, "an object");
    int type;
    const place at = member(p, "type");
    int status = choice(&type, &at, names, -1);
    if (status)
        return status;
    *out = (opa_recipe_pair){.type = (opa_pair_type)type, .weights = -1};
    if (type == OPA_PAIR_LANGUAGE)
        return read_language_pair(out, p);
    if (type == OPA_PAIR_IMAGE)
        return read_image_pair(out, p, masks);
    status = object(p, anchor_keys);
    return status ? status : read_role(&out->chosen, p, "response", true);
}

static int read_pairs(opa_recipe *recipe, const place *root)
{
    const place list = member(root, "pairs");
    const size_t count = cJSON_IsArray(list.value) ? (size_t)cJSON_GetArraySize(list.value) : 0;
    if (count < 1 || count > OPA_RECIPE_MAX_PAIRS)
        return expected(&list, "a list of 1 to 32 pairs");
    for (const cJSON *item = list.value->child; item; item = item->next) {
        const place p = element(&list, item, recipe->pair_count);
        const int status = read_pair(&recipe->pairs[recipe->pair_count++], &p, recipe->mask_count);
        if (status)
            return status;
    }
    return OPA_OK;
}

static const char weight_range[] = "a weight from 0 to 1000000";

static int read_by_sentence(opa_weighting *out, const place *p)
{
    const bool by_score = out->by == OPA_BY_SCORE;
    const size_t n = by_score ? 4 : 3;
    int status = OPA_OK;
    memcpy(out->value, by_score ? score_defaults : type_defaults, sizeof out->value);
    for (size_t i = 0; i < n && status == OPA_OK; i++) {
        const place v = member(p, by_score ? opa_score_keys[i] : type_keys[i]);
        status = number(&out->value[i + 1], &v, out->value[i + 1], 1e6, weight_range);
    }
    const place none = member(p, "none"), added = member(p, "added");
    if (status == OPA_OK)
        status = number(&out->value[0], &none, 1, 1e6, weight_range);
    return status ? status : number(&out->added, &added, 1, 1e6, weight_range);
}

/* The released sentence-wise tokens are no cut of the text that the hunks tile. */
static int read_by_hunks(opa_weighting *out, const place *p, const opa_recipe *recipe)
{
    const place changed = member(p, "changed"), kept = member(p, "kept");
    if (recipe->tokenization != OPA_TOKENS_WHOLE)
        return opa_fail(p->ctx, OPA_EDATA, "recipe: %s.by: \"hunks\" needs the tokenization \"whole\"", p->path);
    const int status = number(&out->changed, &changed, 1, 1e6, weight_range);
    return status ? status : number(&out->kept, &kept, 0, 1e6, weight_range);
}

static int read_weighting(opa_weighting *out, const place *p, const opa_recipe *recipe)
{
    static const char *const none_keys[] = {"by", NULL};
    static const char *const by_score_keys[] = {"by", "1", "2", "3", "4", "none", "added", NULL};
    static const char *const by_type_keys[] = {
        "by", "image_recognition_error", "language_comprehension_error", "correct", "none", "added", NULL};
    static const char *const by_hunks_keys[] = {"by", "changed", "kept", NULL};
    static const char *const *const keys[] = {none_keys, by_score_keys, by_type_keys, by_hunks_keys};
    int by;
    *out = (opa_weighting){.value = {1, 1, 1, 1, 1}, .added = 1};
    if (!p->value)
        return OPA_OK;
    if (!cJSON_IsObject(p->value))
        return expected(p, "an object");
    const place at = member(p, "by");
    int status = choice(&by, &at, opa_by_names, -1);
    if (status || (status = object(p, keys[by])))
        return status;
    out->by = by;
    if (by == OPA_BY_NONE)
        return OPA_OK;
    return by == OPA_BY_HUNKS ? read_by_hunks(out, p, recipe) : read_by_sentence(out, p);
}

static int read_weights(opa_recipe *recipe, const place *root)
{
    static const char *const keys[] = {"language", "image", NULL};
    const place p = member(root, "weights");
    int status = p.value ? object(&p, keys) : OPA_OK;
    for (size_t i = 0; i < OPA_WEIGHTS && status == OPA_OK; i++) {
        const place w = member(&p, opa_weights_names[i]);
        status = read_weighting(&recipe->weights[i], &w, recipe);
    }
    return status;
}

static int read_mask(opa_recipe_mask *out, const place *p)
{
    static const char *const keys[] = {"method", "ratio", NULL};
    static const char *const names[] = {"pixels", "patches", "none", NULL};
    int method;
    int status = object(p, keys);
    if (status)
        return status;
    const place m = member(p, "method"), r = member(p, "ratio");
    if ((status = choice(&method, &m, names, -1)))
        return status;
    out->method = method;
    if (!r.value && method != OPA_MASK_NONE)
        return expected(&r, "a share from 0 to 1");
    return number(&out->ratio, &r, 0, 1, "a share from 0 to 1");
}

static int read_masks(opa_recipe *recipe, const place *root)
{
    const place list = member(root, "masks");
    if (!list.value) {
        recipe->masks[0] = (opa_recipe_mask){.method = OPA_MASK_NONE};
        recipe->mask_count = 1;
        return OPA_OK;
    }
    const size_t count = cJSON_IsArray(list.value) ? (size_t)cJSON_GetArraySize(list.value) : 0;
    if (count < 1 || count > OPA_RECIPE_MAX_MASKS)
        return expected(&list, "a list of 1 to 8 masks");
    for (const cJSON *item = list.value->child; item; item = item->next) {
        const place p = element(&list, item, recipe->mask_count);
        const int status = read_mask(&recipe->masks[recipe->mask_count++], &p);
        if (status)
            return status;
    }
    return OPA_OK;
}

/* "any", or a list of the certificates that may pass. */
static int read_certificates(bool *out, const place *p)
{
    static const char what[] = "\"any\" or a list of \"exact\", \"repaired\", \"ambiguous\", \"broken\" and \"none\"";
    opa_text text;
    const bool any = !p->value || (opa_json_text(p->doc, p->value, &text) && opa_text_equal(text, OPA_TEXT("any")));
    for (size_t i = 0; i < OPA_CERTIFICATES; i++)
        out[i] = any;
    if (any)
        return OPA_OK;
    if (!cJSON_IsArray(p->value) || !p->value->child)
        return expected(p, what);
    size_t i = 0;
    for (const cJSON *item = p->value->child; item; item = item->next, i++) {
        const place at = element(p, item, i);
        int which;
        const int status = choice(&which, &at, opa_certificate_names, -1);
        if (status)
            return status;
        if (out[which])
            return opa_fail(p->ctx, OPA_EDATA, "recipe: %s: \"%s\" stands twice", at.path,
                            opa_certificate_names[which]);
        out[which] = true;
    }
    return OPA_OK;
}

static int read_filters(opa_filters *out, const place *root)
{
    static const char *const keys[] = {"repetition",  "report",         "revised", "unedited",
                                       "certificate", "edit_share_max", NULL};
    int repetition = 0, report = 0, revised = 0, unedited = 0;
    const place p = member(root, "filters");
    int status = p.value ? object(&p, keys) : OPA_OK;
    const place a = member(&p, "repetition"), b = member(&p, "report"), c = member(&p, "revised"),
                d = member(&p, "unedited"), e = member(&p, "certificate"), f = member(&p, "edit_share_max");
    if (status || (status = choice(&repetition, &a, opa_repetition_names, 0)) ||
        (status = choice(&report, &b, opa_required_names, 0)) ||
        (status = choice(&revised, &c, opa_required_names, 0)) ||
        (status = choice(&unedited, &d, opa_unedited_names, 0)) || (status = read_certificates(out->certificates, &e)))
        return status;
    out->repetition = repetition;
    out->report_required = report == 1;
    out->revised_required = revised == 1;
    out->unedited_dropped = unedited == 1;
    out->edit_share_max = -1;
    return opa_json_is_null(f.value) ? OPA_OK : number(&out->edit_share_max, &f, -1, 1, "null or a share from 0 to 1");
}

static int read_limits(opa_recipe *recipe, const place *root)
{
    static const char *const keys[] = {"prompt_tokens", "response_tokens", NULL};
    const place p = member(root, "limits");
    const int status = p.value ? object(&p, keys) : OPA_OK;
    if (status)
        return status;
    const place a = member(&p, "prompt_tokens"), b = member(&p, "response_tokens");
    const int first = limit(&recipe->prompt_limit, &a);
    return first ? first : limit(&recipe->response_limit, &b);
}

static int read_document(opa_recipe *recipe, const place *root)
{
    static const char *const keys[] = {"schema_version", "name",   "description", "revised",
                                       "tokenization",   "pairs",  "weights",     "masks",
                                       "filters",        "limits", NULL};
    int64_t version;
    int revised, tokenization;
    int status = object(root, keys);
    if (status)
        return status;
    const place v = member(root, "schema_version"), d = member(root, "description"), r = member(root, "revised"),
                t = member(root, "tokenization");
    if (!v.value || !opa_json_integer(v.doc, v.value, &version) || version != 1)
        return expected(&v, "1");
    if ((status = read_name(recipe, root)) || (status = string(&recipe->description, &d, 2000, "a text")) ||
        (status = choice(&revised, &r, opa_revised_names, OPA_REVISED_SPLICED)) ||
        (status = choice(&tokenization, &t, opa_tokenization_names, OPA_TOKENS_WHOLE)))
        return status;
    recipe->revised = revised;
    recipe->tokenization = tokenization;
    if ((status = read_masks(recipe, root)) || (status = read_pairs(recipe, root)) ||
        (status = read_weights(recipe, root)) || (status = read_filters(&recipe->filters, root)))
        return status;
    return read_limits(recipe, root);
}

/* ---- the public functions ---- */

int opa_recipe_parse(opa_context *ctx, opa_recipe **out, opa_text json)
{
    *out = NULL;
    opa_json *doc;
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    options.max_size = MAX_DOCUMENT;
    options.max_depth = 16;
    options.strict = true;
    opa_findings findings = {0};
    int status = opa_json_parse(ctx, &doc, json, &options, &findings);
    for (size_t i = 0; i < findings.count && status == OPA_OK; i++)
        if (findings.items[i].code == OPA_F_DUPLICATE_KEY) {
            status = opa_fail(ctx, OPA_EDATA, "line %lld: not allowed: %s", (long long)findings.items[i].line,
                              findings.items[i].message);
            opa_json_free(doc);
        }
    opa_findings_release(&findings);
    if (status) {
        opa_fail_prefix(ctx, "recipe");
        return status;
    }
    opa_recipe *recipe = calloc(1, sizeof *recipe);
    const place root = {.ctx = ctx, .doc = doc, .value = opa_json_root(doc)};
    status = recipe ? read_document(recipe, &root) : opa_fail_memory(ctx);
    if (status == OPA_OK)
        status = opa_recipe_write(ctx, recipe);
    opa_json_free(doc);
    if (status)
        opa_recipe_free(recipe);
    else
        *out = recipe;
    return status;
}

static int read_file(opa_context *ctx, opa_buffer *out, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return opa_fail(ctx, errno == ENOENT || errno == ENOTDIR ? OPA_ENOENT : OPA_EIO, "%s: %s", path,
                        strerror(errno));
    char piece[4096];
    size_t n;
    while (out->size <= MAX_DOCUMENT && (n = fread(piece, 1, sizeof piece, f)) > 0)
        opa_buffer_add(out, piece, n);
    const bool failed = ferror(f) != 0;
    fclose(f);
    if (failed)
        return opa_fail(ctx, OPA_EIO, "%s: cannot be read", path);
    return out->failed ? opa_fail_memory(ctx) : OPA_OK;
}

int opa_recipe_open(opa_context *ctx, opa_recipe **out, const char *name_or_path)
{
    *out = NULL;
    size_t count;
    const opa_recipe_builtin *table = opa_recipe_builtins(&count);
    const char *name = name_or_path ? name_or_path : table[0].name;
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, table[i].name) == 0)
            return opa_recipe_parse(ctx, out, (opa_text){table[i].json, strlen(table[i].json)});
    opa_buffer bytes = {0};
    int status = read_file(ctx, &bytes, name);
    if (status == OPA_ENOENT)
        status = opa_fail(
            ctx, OPA_ENOENT,
            "%s: no such file, and no built-in recipe (these are opa-dpo, opa-dpo-release, dpo and rlhf-v)", name);
    else if (status == OPA_OK && (status = opa_recipe_parse(ctx, out, opa_buffer_text(&bytes))))
        opa_fail_prefix(ctx, name);
    opa_buffer_release(&bytes);
    return status;
}

void opa_recipe_free(opa_recipe *recipe)
{
    if (!recipe)
        return;
    free(recipe->name);
    free(recipe->description);
    free(recipe->json);
    free(recipe);
}

const char *opa_recipe_name(const opa_recipe *recipe)
{
    return recipe->name;
}

opa_text opa_recipe_json(const opa_recipe *recipe)
{
    return (opa_text){recipe->json, recipe->json_size};
}

opa_align_options opa_recipe_align_options(const opa_recipe *recipe)
{
    return (opa_align_options){.keep_revised = recipe->revised == OPA_REVISED_STORED};
}

double opa_weighting_value(const opa_weighting *how, const opa_sentence *sentence)
{
    if (how->by != OPA_BY_SCORE && how->by != OPA_BY_ERROR_TYPE)
        return 1;
    if (sentence->added)
        return how->added;
    const int i = how->by == OPA_BY_SCORE ? sentence->score : (int)sentence->error_type;
    return how->value[i >= 0 && i <= 4 ? i : 0];
}
