/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs/response.h"

#include <stdlib.h>

#include "base/context.h"
#include "pairs/hunks.h"

void opa_response_release(opa_response *r)
{
    free(r->ids);
    for (size_t k = 0; k < OPA_WEIGHTS; k++)
        free(r->weights[k]);
    *r = (opa_response){0};
}

bool opa_response_reserve(opa_response *r, size_t more)
{
    if (more > SIZE_MAX / 32 - r->count)
        return false;
    if (r->count + more <= r->capacity)
        return true;
    const size_t capacity = r->count + more + r->capacity / 2;
    int32_t *ids = realloc(r->ids, capacity * sizeof *ids);
    if (!ids)
        return false;
    r->ids = ids;
    for (size_t k = 0; k < OPA_WEIGHTS; k++) {
        double *weights = realloc(r->weights[k], capacity * sizeof *weights);
        if (!weights)
            return false;
        r->weights[k] = weights;
    }
    r->capacity = capacity;
    return true;
}

bool opa_response_push(opa_response *r, int32_t id, double language, double image)
{
    if (r->count == r->capacity && !opa_response_reserve(r, 64))
        return false;
    r->ids[r->count] = id;
    r->weights[OPA_WEIGHTS_LANGUAGE][r->count] = language;
    r->weights[OPA_WEIGHTS_IMAGE][r->count] = image;
    r->count++;
    return true;
}

void opa_weights_by_sentence(double *weights, const opa_tokens *tokens, const size_t *ends, const double *values,
                             size_t n)
{
    size_t s = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        while (s + 1 < n && tokens->begin[i] >= ends[s])
            s++;
        weights[i] = n ? values[s] : 1;
    }
}

/* Sentences of one side in order of their end. Removed ones have no text there, and so no tokens. */
typedef struct sides {
    size_t *ends;
    double *values[OPA_WEIGHTS];
    size_t *order; /* index into the report's sentences */
    size_t count;
    void *memory;
} sides;

static int collect(opa_response_maker *m, sides *out, bool revised)
{
    const opa_report *report = &m->assessment->report;
    const opa_alignment *a = &m->assessment->alignment;
    const size_t n = a->placed_count < report->count ? a->placed_count : report->count;
    *out = (sides){0};
    if (n == 0)
        return OPA_OK;
    double *values = calloc(n, 2 * sizeof(size_t) + OPA_WEIGHTS * sizeof(double));
    if (!values)
        return opa_fail_memory(m->ctx);
    out->memory = values;
    out->values[0] = values;
    out->values[1] = values + n;
    out->ends = (size_t *)(values + 2 * n);
    out->order = out->ends + n;
    for (size_t i = 0; i < n; i++) {
        const opa_placed *p = &a->placed[i];
        const opa_span span = revised ? p->revised : p->generated;
        if (!(revised ? p->has_revised : p->has_generated) || span.end <= span.begin)
            continue;
        size_t at = out->count++; /* insertion: the sentences are in order but for moved ones */
        for (; at > 0 && out->ends[at - 1] > span.end; at--) {
            out->ends[at] = out->ends[at - 1];
            out->order[at] = out->order[at - 1];
        }
        out->ends[at] = span.end;
        out->order[at] = i;
    }
    for (size_t k = 0; k < OPA_WEIGHTS; k++)
        for (size_t i = 0; i < out->count; i++)
            out->values[k][i] = opa_weighting_value(&m->options->recipe->weights[k], &report->sentences[out->order[i]]);
    return OPA_OK;
}

/* EOS weighs nothing in the generated response, as much as its neighbour in the revised one, 1 in the ground truth
 * (OPA-DPO, data_utils_dpo). */
static bool push_eos(opa_response_maker *m, opa_response *out, opa_role role)
{
    double w[OPA_WEIGHTS];
    for (size_t k = 0; k < OPA_WEIGHTS; k++)
        w[k] = role == OPA_ROLE_GENERATED               ? 0
               : role == OPA_ROLE_REVISED && out->count ? out->weights[k][out->count - 1]
                                                        : 1;
    return m->options->eos < 0 || opa_response_push(out, m->options->eos, w[0], w[1]);
}

int opa_response_whole(opa_response_maker *m, opa_response *out, opa_role role)
{
    opa_tokens *tokens = &m->tokens;
    int status = opa_encoder_encode(m->options->encoder, tokens, out->text, OPA_ENCODE_PLAIN);
    if (status)
        return status;
    if (!opa_response_reserve(out, tokens->count + 1))
        return opa_fail_memory(m->ctx);
    sides s = {0};
    if (role != OPA_ROLE_GROUND_TRUTH && (status = collect(m, &s, role == OPA_ROLE_REVISED)))
        return status;
    for (size_t i = 0; i < tokens->count; i++)
        out->ids[i] = tokens->ids[i];
    for (size_t k = 0; k < OPA_WEIGHTS; k++)
        opa_weights_by_sentence(out->weights[k], tokens, s.ends, s.values[k], s.count);
    out->count = tokens->count;
    free(s.memory);
    if (role != OPA_ROLE_GROUND_TRUTH && (status = opa_hunks_weigh(m, out, role == OPA_ROLE_REVISED)))
        return status;
    return push_eos(m, out, role) ? OPA_OK : opa_fail_memory(m->ctx);
}
