/* SPDX-License-Identifier: Apache-2.0 */
/* The released code's own way to ids and weights (data_utils_dpo of OPA-DPO), to the token: the copied sentences are
 * grown over the gaps before them, every sentence is tokenised alone, and the pieces are glued together. The released
 * try/except gives a whole micro-batch weight 0 when one report is malformed, one side empty or one response too long;
 * here such a sample is flagged and keeps its weights. */
#include "pairs/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/findings.h"
#include "base/utf8.h"
#include "pairs/pyspace.h"

/* A copied sentence, grown: the text from the end of the one before to its own end, plus (the last one) the response's
 * tail, which is glued on without the white space between. */
typedef struct piece {
    opa_text text, tail;
} piece;

static opa_text strip_spaces(opa_text t)
{
    for (; t.size > 0 && t.data[0] == ' '; t.size--)
        t.data++;
    while (t.size > 0 && t.data[t.size - 1] == ' ')
        t.size--;
    return t;
}

/* All or nothing: when one is not found the pieces stay as the expert copied them. Returns the index of that one, or
 * count. */
static size_t grow(piece *pieces, opa_text generated, const opa_report *report)
{
    size_t at = 0;
    for (size_t i = 0; i < report->count; i++) {
        const opa_text core = opa_py_strip(report->sentences[i].copied);
        pieces[i] = (piece){.text = OPA_TEXT("")};
        if (core.size == 0)
            continue;
        const size_t found = opa_text_find(generated, core, at);
        if (found == SIZE_MAX)
            return i;
        const size_t end = found + core.size;
        pieces[i].text = strip_spaces((opa_text){generated.data + at, end - at});
        at = end;
    }
    if (report->count > 0)
        pieces[report->count - 1].tail = opa_py_strip((opa_text){generated.data + at, generated.size - at});
    return report->count;
}

static void copy_as_is(piece *pieces, const opa_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        pieces[i] = (piece){.text = report->sentences[i].copied};
}

/* The released loop over one side: append the tokens of sentence @p count. */
static int append(opa_response_maker *m, opa_response *out, size_t count, opa_text text, bool copied,
                  const opa_sentence *s)
{
    if (!text.data || text.size == 0)
        return OPA_OK;
    const opa_recipe *recipe = m->options->recipe;
    const int status = opa_encoder_encode(m->options->encoder, &m->tokens, text, OPA_ENCODE_PLAIN);
    if (status || m->tokens.count == 0)
        return status;
    if (out->count == 0)
        out->no_bos = count != 0; /* only the first sentence keeps the BOS that the tokenizer puts in front */
    const double language = opa_weighting_value(&recipe->weights[OPA_WEIGHTS_LANGUAGE], s);
    const double image = opa_weighting_value(&recipe->weights[OPA_WEIGHTS_IMAGE], s);
    /* A copied sentence loses a lone leading "▁" too, a rewritten one does not. */
    const int32_t space = opa_tokenizer_id(m->options->tokenizer, OPA_TEXT("\xE2\x96\x81"));
    const size_t first = copied && count != 0 && m->tokens.ids[0] == space ? 1 : 0;
    for (size_t i = first; i < m->tokens.count; i++)
        if (!opa_response_push(out, m->tokens.ids[i], language, image))
            return opa_fail_memory(m->ctx);
    return OPA_OK;
}

/* The text of a grown piece with its tail; joined holds it when there is one. */
static bool piece_text(opa_text *out, char **joined, const piece *p)
{
    *out = p->text;
    *joined = NULL;
    if (p->tail.size == 0)
        return true;
    *joined = malloc(p->text.size + p->tail.size);
    if (!*joined)
        return false;
    if (p->text.size)
        memcpy(*joined, p->text.data, p->text.size);
    memcpy(*joined + p->text.size, p->tail.data, p->tail.size);
    *out = (opa_text){*joined, p->text.size + p->tail.size};
    return true;
}

static int append_generated(opa_response_maker *m, opa_response *out, size_t count, const piece *p,
                            const opa_sentence *s)
{
    char *joined;
    opa_text text;
    /* The release puts a grown piece back only where the entry has a copy: a tail that fell to Added is lost. */
    if (s->added || !s->copied.data)
        return OPA_OK;
    if (!piece_text(&text, &joined, p))
        return opa_fail_memory(m->ctx);
    const int status = append(m, out, count, text.size ? text : s->copied, true, s);
    free(joined);
    return status;
}

static int flag(opa_response_maker *m, int code, const char *role, const char *message)
{
    return opa_findings_add(m->findings, code, 0, role, "%s", message) ? opa_fail_memory(m->ctx) : OPA_OK;
}

/* EOS as released: none when the tensor is full. */
static int finish(opa_response_maker *m, opa_response *out, opa_role role)
{
    const size_t n = out->count, length = n + !out->no_bos;
    const char *name = opa_role_names[role];
    int status = OPA_OK;
    if (n == 0)
        status = flag(m, role == OPA_ROLE_REVISED ? OPA_F_REVISED_EMPTY : OPA_F_GENERATED_EMPTY, name,
                      "no sentence of the report gives a token: the released code loses the micro-batch's weights; "
                      "tokenised whole");
    else if (length > OPA_RELEASED_RESPONSE)
        status =
            flag(m, OPA_F_RESPONSE_LONG, name,
                 "over 896 tokens: the released code loses the micro-batch's weights; kept whole, with its weights");
    if (status || n == 0)
        return status ? status : opa_response_whole(m, out, role);
    const bool generated = role == OPA_ROLE_GENERATED;
    if (length == OPA_RELEASED_RESPONSE || m->options->eos < 0)
        return OPA_OK;
    const double language = generated ? 0 : out->weights[OPA_WEIGHTS_LANGUAGE][n - 1];
    const double image = generated ? 0 : out->weights[OPA_WEIGHTS_IMAGE][n - 1];
    return opa_response_push(out, m->options->eos, language, image) ? OPA_OK : opa_fail_memory(m->ctx);
}

/* The released code looks sentences up in an object; a report inside a string makes it lose the micro-batch. */
static int flag_form(opa_response_maker *m)
{
    const opa_text report = opa_text_trim(m->sample->report);
    if (report.size > 0 && report.data[0] == '{')
        return OPA_OK;
    return flag(m, OPA_F_REPORT_STRING, NULL,
                "the report is no JSON object: the released code loses the micro-batch's weights; read all the same");
}

/* Spellings that the released mapping does not know; it would weigh these sentences 1. */
static int flag_lost_weights(opa_response_maker *m)
{
    const opa_report *report = &m->assessment->report;
    for (size_t i = 0; i < report->count; i++) {
        const opa_sentence *s = &report->sentences[i];
        int status = OPA_OK;
        char field[64];
        const int shown = s->key.size < 40 ? (int)s->key.size : 40;
        if (s->released_score_lost) {
            snprintf(field, sizeof field, "%.*s.score", shown, s->key.data ? s->key.data : "");
            status = flag(m, OPA_F_SCORE_TYPE, field,
                          "the released mapping would weigh this score's spelling 1; the score counts");
        }
        if (status == OPA_OK && s->released_type_lost) {
            snprintf(field, sizeof field, "%.*s.error_type", shown, s->key.data ? s->key.data : "");
            status = flag(m, OPA_F_ERROR_TYPE_SPELLING, field,
                          "the released mapping would weigh this error type's spelling 1; the type counts");
        }
        if (status)
            return status;
    }
    return OPA_OK;
}

int opa_response_released(opa_response_maker *m, opa_response *generated, opa_response *revised)
{
    const opa_report *report = &m->assessment->report;
    piece *pieces = calloc(report->count, sizeof *pieces);
    if (!pieces)
        return opa_fail_memory(m->ctx);
    int status = flag_form(m);
    if (status == OPA_OK)
        status = flag_lost_weights(m);
    const size_t found = grow(pieces, m->sample->generated, report);
    if (status == OPA_OK && found < report->count) {
        copy_as_is(pieces, report);
        status =
            flag(m, OPA_F_SEGMENT_MISSING, "generated",
                 "a copied sentence stands nowhere: as in the released code, the ids are those of the expert's copy");
    }
    for (size_t i = 0; i < report->count && status == OPA_OK; i++) {
        const opa_sentence *s = &report->sentences[i];
        status = append_generated(m, generated, i, &pieces[i], s);
        if (status == OPA_OK && revised->text.data && !m->sample->revised_by_hand)
            status = append(m, revised, i, s->rewritten, false, s);
    }
    free(pieces);
    if (status == OPA_OK)
        status = finish(m, generated, OPA_ROLE_GENERATED);
    if (status == OPA_OK && revised->text.data)
        status = m->sample->revised_by_hand ? opa_response_whole(m, revised, OPA_ROLE_REVISED)
                                            : finish(m, revised, OPA_ROLE_REVISED);
    return status;
}
