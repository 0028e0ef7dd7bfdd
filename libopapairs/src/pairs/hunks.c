/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs/hunks.h"

#include <stdlib.h>

#include "base/context.h"

void opa_weights_by_hunk(double *weights, const opa_hunk *hunks, const opa_span *spans, size_t hunk_count,
                         double changed, double kept)
{
    for (size_t i = 0; i < hunk_count; i++)
        for (size_t t = spans[i].begin; t < spans[i].end; t++)
            weights[t] = hunks[i].op == OPA_KEEP ? kept : changed;
}

/* The tokens (m->tokens) of each hunk; the caller frees *out. There is at least one hunk. */
static int project(opa_response_maker *m, opa_span **out, opa_text text, bool revised_side)
{
    const opa_alignment *a = &m->assessment->alignment;
    *out = calloc(a->hunk_count, sizeof **out);
    if (!*out)
        return opa_fail_memory(m->ctx);
    opa_align_tokens(*out, a->hunks, a->hunk_count, revised_side, text, &m->tokens);
    return OPA_OK;
}

int opa_hunks_weigh(opa_response_maker *m, opa_response *out, bool revised_side)
{
    const opa_alignment *a = &m->assessment->alignment;
    const opa_weighting *how = m->options->recipe->weights;
    bool wanted = false;
    for (size_t k = 0; k < OPA_WEIGHTS; k++)
        wanted |= how[k].by == OPA_BY_HUNKS;
    if (!wanted || a->hunk_count == 0)
        return OPA_OK;
    opa_span *spans;
    const int status = project(m, &spans, out->text, revised_side);
    for (size_t k = 0; k < OPA_WEIGHTS && status == OPA_OK; k++)
        if (how[k].by == OPA_BY_HUNKS)
            opa_weights_by_hunk(out->weights[k], a->hunks, spans, a->hunk_count, how[k].changed, how[k].kept);
    free(spans);
    return status;
}

static int count_side(opa_response_maker *m, size_t *edited, size_t *all, opa_text text, bool revised_side)
{
    const opa_alignment *a = &m->assessment->alignment;
    opa_span *spans;
    int status = opa_encoder_encode(m->options->encoder, &m->tokens, text, OPA_ENCODE_PLAIN);
    if (status || (status = project(m, &spans, text, revised_side)))
        return status;
    for (size_t i = 0; i < a->hunk_count; i++)
        *edited += a->hunks[i].op == OPA_KEEP ? 0 : spans[i].end - spans[i].begin;
    *all += m->tokens.count;
    free(spans);
    return OPA_OK;
}

int opa_hunks_count(opa_response_maker *m, size_t *edited, size_t *all)
{
    const opa_alignment *a = &m->assessment->alignment;
    *edited = *all = 0;
    if (a->hunk_count == 0)
        return OPA_OK;
    const int status = count_side(m, edited, all, m->sample->generated, false);
    return status ? status : count_side(m, edited, all, a->revised, true);
}
