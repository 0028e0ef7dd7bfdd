/* SPDX-License-Identifier: Apache-2.0 */
/* What a recipe makes of a sample: which pairs, and the member of a pack that holds them. */
#include <opapairs/pairs.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/findings.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "pairs/filters.h"
#include "pairs/member.h"

/* The text of a role that pairs may use; data NULL: none, or nothing visible in it. */
static opa_text usable_text(opa_role role, const opa_sample *sample, const opa_assessment *assessment)
{
    const opa_text text = role == OPA_ROLE_GENERATED ? sample->generated
                          : role == OPA_ROLE_REVISED ? assessment->alignment.revised
                                                     : sample->ground_truth;
    return opa_text_blank(text) ? (opa_text){0} : text;
}

/* Can this pair be built? roles says which responses are usable. */
static bool buildable(const opa_recipe_pair *p, const bool *roles, const opa_sample *sample)
{
    return roles[p->chosen] && (p->type != OPA_PAIR_LANGUAGE || roles[p->rejected]) &&
           (p->type != OPA_PAIR_IMAGE || sample->has_image);
}

void opa_recipe_apply(const opa_recipe *recipe, opa_pairs *out, const opa_sample *sample,
                      const opa_assessment *assessment)
{
    *out = (opa_pairs){0};
    out->reason = opa_filter_sample(&recipe->filters, sample, assessment);
    if (out->reason) {
        out->left_out = OPA_F_FILTERED;
        return;
    }
    bool roles[OPA_ROLES];
    for (int r = 0; r < OPA_ROLES; r++)
        roles[r] = usable_text((opa_role)r, sample, assessment).data != NULL;
    out->use_revised = roles[OPA_ROLE_REVISED];
    out->use_ground_truth = roles[OPA_ROLE_GROUND_TRUTH];
    size_t *const counts[] = {&out->counts.language, &out->counts.image, &out->counts.anchor};
    for (size_t i = 0; i < recipe->pair_count; i++) {
        const opa_recipe_pair *p = &recipe->pairs[i];
        if (!buildable(p, roles, sample))
            continue;
        ++*counts[p->type];
    }
}

/* The hunks tile both texts, a keep has the same bytes on both sides and no other hunk has. */
static bool proved(const opa_alignment *a, opa_text generated)
{
    size_t g = 0, r = 0;
    if (!a->revised.data || a->hunk_count == 0)
        return !a->revised.data || (a->revised.size == 0 && generated.size == 0);
    for (size_t i = 0; i < a->hunk_count; i++) {
        const opa_hunk *h = &a->hunks[i];
        if (h->generated.begin != g || h->revised.begin != r || h->generated.end < g || h->revised.end < r ||
            h->generated.end > generated.size || h->revised.end > a->revised.size)
            return false;
        g = h->generated.end;
        r = h->revised.end;
        const opa_text left = {generated.data + h->generated.begin, g - h->generated.begin};
        const opa_text right = {a->revised.data + h->revised.begin, r - h->revised.begin};
        if (opa_text_equal(left, right) != (h->op == OPA_KEEP))
            return false;
    }
    return g == generated.size && r == a->revised.size;
}

static int prove(opa_response_maker *m)
{
    if (proved(&m->assessment->alignment, m->sample->generated))
        return OPA_OK;
    if (opa_findings_add(m->findings, OPA_F_ALIGNMENT_PROOF, 0, "revised",
                         "the edit script does not give the revised text"))
        return opa_fail_memory(m->ctx);
    return opa_fail(m->ctx, OPA_ERECORD, "the edit script does not give the revised text");
}

static int make_responses(opa_response_maker *m, opa_response *responses)
{
    opa_response *generated = &responses[OPA_ROLE_GENERATED], *revised = &responses[OPA_ROLE_REVISED];
    int status = OPA_OK;
    const bool pieces =
        m->options->recipe->tokenization == OPA_TOKENS_SENTENCES && opa_report_has_sentences(&m->assessment->report);
    if (pieces)
        status = opa_response_released(m, generated, revised);
    for (int r = pieces ? OPA_ROLE_GROUND_TRUTH : 0; r < OPA_ROLES && status == OPA_OK; r++)
        if (responses[r].text.data)
            status = opa_response_whole(m, &responses[r], (opa_role)r);
    return status;
}

static int over_limit(opa_response_maker *m, int code, const char *field, size_t tokens, int64_t limit)
{
    if (opa_findings_add(m->findings, code, 0, field, "%zu tokens, over the recipe's limit of %" PRId64, tokens, limit))
        return opa_fail_memory(m->ctx);
    return opa_fail(m->ctx, OPA_ERECORD, "%s: %zu tokens, over the recipe's limit of %" PRId64, field, tokens, limit);
}

static int check_limits(opa_response_maker *m, const opa_response *responses)
{
    const opa_recipe *recipe = m->options->recipe;
    for (int r = 0; r < OPA_ROLES && recipe->response_limit >= 0; r++)
        if (responses[r].count > (size_t)recipe->response_limit)
            return over_limit(m, OPA_F_RESPONSE_LONG, opa_role_names[r], responses[r].count, recipe->response_limit);
    if (recipe->prompt_limit < 0)
        return OPA_OK;
    const int status = opa_encoder_encode(m->options->encoder, &m->tokens, m->sample->prompt, OPA_ENCODE_PLAIN);
    if (status == OPA_OK && m->tokens.count > (size_t)recipe->prompt_limit)
        return over_limit(m, OPA_F_PROMPT_LONG, "prompt", m->tokens.count, recipe->prompt_limit);
    return status;
}

/* ---- the member ---- */

/* The most bytes of an id and its comma. */
#define ID_SIZE 12

static char *put_id(char *out, int32_t id)
{
    char digits[ID_SIZE];
    size_t at = sizeof digits;
    uint32_t u = id < 0 ? 0 - (uint32_t)id : (uint32_t)id;
    do
        digits[--at] = (char)('0' + u % 10);
    while (u /= 10);
    if (id < 0)
        digits[--at] = '-';
    memcpy(out, digits + at, sizeof digits - at);
    return out + (sizeof digits - at);
}

/* There are hundreds of numbers in a response: room for all is made once, then they are written without asking. */
static void write_ids(opa_json_writer *w, opa_buffer *b, const opa_response *r)
{
    opa_buffer_clear(b);
    if (r->count > SIZE_MAX / ID_SIZE - 1 || !opa_buffer_reserve(b, r->count * ID_SIZE + 2)) {
        b->failed = true;
        return;
    }
    char *at = b->data;
    *at++ = '[';
    for (size_t i = 0; i < r->count; i++) {
        if (i)
            *at++ = ',';
        at = put_id(at, r->ids[i]);
    }
    *at++ = ']';
    *at = '\0';
    b->size = (size_t)(at - b->data);
    opa_json_write_raw(w, opa_buffer_text(b));
}

/* The shortest form that reads back, but never without a point: readers that infer a column's type from its first
 * samples (Hugging Face datasets) must see a fraction everywhere. */
static size_t format_weight(char digits[32], double weight)
{
    int precision = 1;
    do
        snprintf(digits, 32, "%.*g", precision, weight);
    while (precision++ < 17 && strtod(digits, NULL) != weight);
    if (!strpbrk(digits, ".e"))
        strcat(digits, ".0");
    return strlen(digits);
}

/* Weights come in runs, so each run's number is formed once. */
static void write_weights(opa_json_writer *w, opa_buffer *b, const double *weights, size_t count)
{
    char digits[32];
    opa_buffer_clear(b);
    opa_buffer_add_char(b, '[');
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && weights[end] == weights[i];)
            end++;
        const size_t size = format_weight(digits, weights[i]);
        digits[size] = ',';
        if (!opa_buffer_reserve(b, (end - i) * (size + 1)))
            return;
        for (; i < end; i++, b->size += size + 1)
            memcpy(b->data + b->size, digits, size + 1);
    }
    b->size -= count > 0; /* the last comma */
    opa_buffer_add_char(b, ']');
    opa_json_write_raw(w, opa_buffer_text(b));
}

static void write_field(opa_json_writer *w, const char *key, const char *value)
{
    opa_json_write_key(w, key);
    opa_json_write_string(w, value);
}

static void write_text(opa_json_writer *w, const char *key, opa_text value)
{
    opa_json_write_key(w, key);
    opa_json_write_text(w, value);
}

static void write_count(opa_json_writer *w, const char *key, int64_t n)
{
    opa_json_write_key(w, key);
    opa_json_write_integer(w, n);
}

static void write_image(opa_json_writer *w, const opa_sample *sample)
{
    char hex[2 * OPA_SHA256_SIZE + 1];
    opa_json_write_key(w, "image");
    if (!sample->has_image) {
        opa_json_write_null(w);
        return;
    }
    opa_hex(hex, sample->image_sha256, OPA_SHA256_SIZE);
    opa_json_begin_object(w);
    write_field(w, "format", opa_image_format_name(sample->image_format));
    write_count(w, "width", sample->image_width);
    write_count(w, "height", sample->image_height);
    write_field(w, "sha256", hex);
    opa_json_end_object(w);
}

static int write_responses(opa_context *ctx, opa_json_writer *w, const opa_response *responses)
{
    opa_buffer b = {0};
    opa_json_write_key(w, "responses");
    opa_json_begin_object(w);
    for (int r = 0; r < OPA_ROLES; r++) {
        if (!responses[r].text.data)
            continue;
        opa_json_write_key(w, opa_role_names[r]);
        opa_json_begin_object(w);
        write_text(w, "text", responses[r].text);
        if (responses[r].no_bos) {
            opa_json_write_key(w, "bos");
            opa_json_write_bool(w, false);
        }
        opa_json_write_key(w, "ids");
        write_ids(w, &b, &responses[r]);
        opa_json_write_key(w, "weights");
        opa_json_begin_object(w);
        for (int k = 0; k < OPA_WEIGHTS; k++) {
            opa_json_write_key(w, opa_weights_names[k]);
            write_weights(w, &b, responses[r].weights[k], responses[r].count);
        }
        opa_json_end_object(w);
        opa_json_end_object(w);
    }
    opa_json_end_object(w);
    const bool failed = b.failed;
    opa_buffer_release(&b);
    return failed ? opa_fail_memory(ctx) : OPA_OK;
}

static void write_pairs(opa_json_writer *w, const opa_recipe *recipe, const opa_response *responses,
                        const opa_sample *sample, opa_pair_counts *counts)
{
    size_t *const count[] = {&counts->language, &counts->image, &counts->anchor};
    bool roles[OPA_ROLES];
    for (int r = 0; r < OPA_ROLES; r++)
        roles[r] = !opa_text_blank(responses[r].text);
    opa_json_write_key(w, "pairs");
    opa_json_begin_array(w);
    for (size_t i = 0; i < recipe->pair_count; i++) {
        const opa_recipe_pair *p = &recipe->pairs[i];
        if (!buildable(p, roles, sample))
            continue;
        ++*count[p->type];
        opa_json_begin_object(w);
        write_field(w, "type", opa_pair_type_names[p->type]);
        write_field(w, p->type == OPA_PAIR_LANGUAGE ? "chosen" : "response", opa_role_names[p->chosen]);
        if (p->type == OPA_PAIR_LANGUAGE)
            write_field(w, "rejected", opa_role_names[p->rejected]);
        if (p->type == OPA_PAIR_IMAGE)
            write_count(w, "mask", (int64_t)p->mask);
        if (p->type != OPA_PAIR_ANCHOR)
            write_field(w, "weights", p->weights < 0 ? NULL : opa_weights_names[p->weights]);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
}

static void write_masks(opa_json_writer *w, const opa_pairs_options *o, const opa_sample *sample)
{
    char hex[17];
    snprintf(hex, sizeof hex, "%016" PRIx64, opa_mask_seed(sample->id, o->seed, 0));
    opa_json_write_key(w, "masks");
    opa_json_begin_array(w);
    for (size_t i = 0; i < o->recipe->mask_count; i++) {
        opa_json_begin_object(w);
        write_field(w, "method", opa_mask_names[o->recipe->masks[i].method]);
        opa_json_write_key(w, "ratio");
        opa_json_write_number(w, o->recipe->masks[i].ratio);
        write_field(w, "seed", hex);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
}

static int write_member(opa_response_maker *m, opa_json_writer *w, const opa_response *responses,
                        opa_pair_counts *counts)
{
    const opa_sample *sample = m->sample;
    opa_json_begin_object(w);
    write_count(w, "schema_version", 1);
    write_text(w, "id", sample->id);
    write_image(w, sample);
    write_text(w, "prompt", sample->prompt);
    const int status = write_responses(m->ctx, w, responses);
    write_pairs(w, m->options->recipe, responses, sample, counts);
    write_masks(w, m->options, sample);
    write_field(w, "certificate", opa_certificate_name(m->assessment->alignment.certificate));
    opa_json_write_key(w, "source");
    opa_json_begin_object(w);
    write_text(w, "file", sample->source_file);
    write_count(w, "record", sample->source_record);
    opa_json_end_object(w);
    write_text(w, "image_id", sample->image_id);
    /* As text, exactly as imported: reports differ in their keys from sample to sample, and may be no JSON at all. */
    write_text(w, "feedback", sample->report);
    opa_json_end_object(w);
    return status;
}

int opa_member_write(opa_context *ctx, opa_json_writer *w, const opa_pairs_options *options, const opa_sample *sample,
                     const opa_assessment *assessment, opa_findings *findings, opa_member_counts *counts)
{
    opa_response_maker m = {
        .ctx = ctx, .options = options, .sample = sample, .assessment = assessment, .findings = findings};
    opa_response responses[OPA_ROLES] = {0};
    opa_pairs pairs;
    *counts = (opa_member_counts){0};
    opa_recipe_apply(options->recipe, &pairs, sample, assessment);
    responses[OPA_ROLE_GENERATED].text = sample->generated;
    if (pairs.use_revised)
        responses[OPA_ROLE_REVISED].text = assessment->alignment.revised;
    if (pairs.use_ground_truth)
        responses[OPA_ROLE_GROUND_TRUTH].text = sample->ground_truth;
    int status = prove(&m);
    if (status == OPA_OK)
        status = opa_filter_tokens(&m);
    if (status == OPA_OK && pairs.counts.language + pairs.counts.image + pairs.counts.anchor == 0)
        status = opa_findings_add(findings, OPA_F_NO_PAIRS, 0, NULL, "the recipe builds no pair from it");
    if (status == OPA_OK)
        status = make_responses(&m, responses);
    if (status == OPA_OK)
        status = check_limits(&m, responses);
    if (status == OPA_OK)
        status = write_member(&m, w, responses, &counts->pairs);
    for (int r = 0; r < OPA_ROLES; r++) {
        counts->tokens[r] = responses[r].count;
        opa_response_release(&responses[r]);
    }
    opa_tokens_release(&m.tokens);
    return status;
}

int opa_pairs_write(opa_context *ctx, opa_json_writer *w, const opa_pairs_options *options, const opa_sample *sample,
                    const opa_assessment *assessment, opa_findings *findings)
{
    opa_member_counts counts;
    return opa_member_write(ctx, w, options, sample, assessment, findings, &counts);
}
