/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical document of a recipe: what a manifest holds, so its bytes follow from the meaning alone. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "pairs/recipe.h"

static void write_field(opa_json_writer *w, const char *key, const char *value)
{
    opa_json_write_key(w, key);
    opa_json_write_string(w, value);
}

static void write_pair(opa_json_writer *w, const opa_recipe_pair *p)
{
    opa_json_begin_object(w);
    write_field(w, "type", opa_pair_type_names[p->type]);
    write_field(w, p->type == OPA_PAIR_LANGUAGE ? "chosen" : "response", opa_role_names[p->chosen]);
    if (p->type == OPA_PAIR_LANGUAGE)
        write_field(w, "rejected", opa_role_names[p->rejected]);
    if (p->type == OPA_PAIR_IMAGE) {
        opa_json_write_key(w, "mask");
        opa_json_write_integer(w, (int64_t)p->mask);
    }
    if (p->type != OPA_PAIR_ANCHOR)
        write_field(w, "weights", p->weights < 0 ? NULL : opa_weights_names[p->weights]);
    opa_json_end_object(w);
}

static void write_value(opa_json_writer *w, const char *key, double value)
{
    opa_json_write_key(w, key);
    opa_json_write_number(w, value);
}

static void write_weighting(opa_json_writer *w, const opa_weighting *how)
{
    opa_json_begin_object(w);
    write_field(w, "by", opa_by_names[how->by]);
    for (size_t i = 0; how->by == OPA_BY_SCORE && i < 4; i++)
        write_value(w, opa_score_keys[i], how->value[i + 1]);
    if (how->by == OPA_BY_ERROR_TYPE) {
        write_value(w, "image_recognition_error", how->value[OPA_ERROR_TYPE_IMAGE]);
        write_value(w, "language_comprehension_error", how->value[OPA_ERROR_TYPE_LANGUAGE]);
        write_value(w, "correct", how->value[OPA_ERROR_TYPE_CORRECT]);
    }
    if (how->by == OPA_BY_HUNKS) {
        write_value(w, "changed", how->changed);
        write_value(w, "kept", how->kept);
    }
    if (how->by == OPA_BY_SCORE || how->by == OPA_BY_ERROR_TYPE) {
        write_value(w, "none", how->value[0]);
        write_value(w, "added", how->added);
    }
    opa_json_end_object(w);
}

static void write_lists(opa_json_writer *w, const opa_recipe *recipe)
{
    opa_json_write_key(w, "pairs");
    opa_json_begin_array(w);
    for (size_t i = 0; i < recipe->pair_count; i++)
        write_pair(w, &recipe->pairs[i]);
    opa_json_end_array(w);
    opa_json_write_key(w, "weights");
    opa_json_begin_object(w);
    for (size_t i = 0; i < OPA_WEIGHTS; i++) {
        opa_json_write_key(w, opa_weights_names[i]);
        write_weighting(w, &recipe->weights[i]);
    }
    opa_json_end_object(w);
    opa_json_write_key(w, "masks");
    opa_json_begin_array(w);
    for (size_t i = 0; i < recipe->mask_count; i++) {
        opa_json_begin_object(w);
        write_field(w, "method", opa_mask_names[recipe->masks[i].method]);
        write_value(w, "ratio", recipe->masks[i].ratio);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
}

static void write_limit(opa_json_writer *w, const char *key, int64_t tokens)
{
    opa_json_write_key(w, key);
    if (tokens < 0)
        opa_json_write_null(w);
    else
        opa_json_write_integer(w, tokens);
}

static void write_certificates(opa_json_writer *w, const bool *pass)
{
    size_t count = 0;
    for (size_t i = 0; i < OPA_CERTIFICATES; i++)
        count += pass[i];
    opa_json_write_key(w, "certificate");
    if (count == OPA_CERTIFICATES) {
        opa_json_write_string(w, "any");
        return;
    }
    opa_json_begin_array(w);
    for (size_t i = 1; i <= OPA_CERTIFICATES; i++) /* "none" last */
        if (pass[i % OPA_CERTIFICATES])
            opa_json_write_string(w, opa_certificate_names[i % OPA_CERTIFICATES]);
    opa_json_end_array(w);
}

static void write_filters(opa_json_writer *w, const opa_filters *f)
{
    opa_json_write_key(w, "filters");
    opa_json_begin_object(w);
    write_field(w, "repetition", opa_repetition_names[f->repetition]);
    write_field(w, "report", opa_required_names[f->report_required]);
    write_field(w, "revised", opa_required_names[f->revised_required]);
    write_field(w, "unedited", opa_unedited_names[f->unedited_dropped]);
    write_certificates(w, f->certificates);
    opa_json_write_key(w, "edit_share_max");
    if (f->edit_share_max < 0)
        opa_json_write_null(w);
    else
        opa_json_write_number(w, f->edit_share_max);
    opa_json_end_object(w);
}

int opa_recipe_write(opa_context *ctx, opa_recipe *recipe)
{
    opa_json_writer *w;
    const int status = opa_json_writer_new(ctx, &w);
    if (status)
        return status;
    opa_json_begin_object(w);
    opa_json_write_key(w, "schema_version");
    opa_json_write_integer(w, 1);
    write_field(w, "name", recipe->name);
    write_field(w, "description", recipe->description);
    write_field(w, "revised", opa_revised_names[recipe->revised]);
    write_field(w, "tokenization", opa_tokenization_names[recipe->tokenization]);
    write_lists(w, recipe);
    write_filters(w, &recipe->filters);
    opa_json_write_key(w, "limits");
    opa_json_begin_object(w);
    write_limit(w, "prompt_tokens", recipe->prompt_limit);
    write_limit(w, "response_tokens", recipe->response_limit);
    opa_json_end_object(w);
    opa_json_end_object(w);
    opa_text json;
    if (opa_json_writer_finish(w, &json) == OPA_OK && (recipe->json = malloc(json.size + 1))) {
        memcpy(recipe->json, json.data, json.size);
        recipe->json[json.size] = '\0';
        recipe->json_size = json.size;
    }
    opa_json_writer_free(w);
    return recipe->json ? OPA_OK : opa_fail_memory(ctx);
}
