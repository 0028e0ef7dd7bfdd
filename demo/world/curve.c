/* SPDX-License-Identifier: Apache-2.0 */
#include "curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scores.h"

struct making {
    struct cli *cli;
    const struct answers *answers;
    const char *path;
    opa_encoder *encoder;
    opa_tokens tokens;
    struct tally tallies[CURVE_POINTS];
};

static double least_of(int point)
{
    return point / (double)CURVE_POINTS;
}

/* The probability of the words in @p span of the text: of all their tokens. */
static double probability(const opa_tokens *tokens, const double *logprobs, opa_span span)
{
    double sum = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->begin[i] < span.end && span.begin < tokens->end[i])
            sum += logprobs[i];
    }
    return exp(sum);
}

/* The sentences that are at least so probable; those about no object stay. */
static int add_answer(struct making *m, const struct said *said, const double *logprobs, int point)
{
    char *kept = malloc(said->text.size + 1);
    size_t size = 0;
    opa_text rest = said->text, sentence;
    if (kept == NULL)
        return cli_error(m->cli, EXIT_IO, "out of memory");
    while (next_sentence(&sentence, &rest)) {
        const struct claim claim = claim_of(sentence);
        const size_t at = (size_t)(sentence.data - said->text.data);
        const opa_span word = {at + claim.word.begin, at + claim.word.end};
        if (claim.kind >= 0 && probability(&m->tokens, logprobs, word) < least_of(point))
            continue;
        memcpy(kept + size, sentence.data, sentence.size);
        size += sentence.size;
    }
    tally_add(&m->tallies[point], &said->scene, (opa_text){kept, size});
    free(kept);
    return 0;
}

static int on_score(void *user, opa_text id, const double *logprobs, size_t count)
{
    struct making *m = user;
    const struct said *said = answers_find(m->answers, id);
    if (said == NULL)
        return cli_error(m->cli, EXIT_DATA, "%s: '%.*s' is not among the answers", m->path, (int)id.size, id.data);
    const int status = opa_encoder_encode(m->encoder, &m->tokens, said->text, OPA_ENCODE_PLAIN);
    if (status != OPA_OK)
        return cli_fail(m->cli, status, m->path);
    if (m->tokens.count + 1 != count)
        return cli_error(m->cli, EXIT_DATA, "%s: %s has %zu log-probs, but %zu tokens and an end: another tokenizer?",
                         m->path, said->id, count, m->tokens.count);
    int result = 0;
    for (int i = 0; i < CURVE_POINTS && result == 0; i++)
        result = add_answer(m, said, logprobs, i);
    return result;
}

int curve_make(struct cli *cli, struct curve_point out[CURVE_POINTS], const struct answers *answers, const char *scores,
               const opa_tokenizer *tokenizer)
{
    struct making m = {.cli = cli, .answers = answers, .path = scores};
    const int status = opa_encoder_new(cli->ctx, &m.encoder, tokenizer);
    int result = status == OPA_OK ? 0 : cli_fail(cli, status, NULL);
    if (result == 0)
        result = each_score(cli, scores, "generated", on_score, &m);
    for (int i = 0; i < CURVE_POINTS; i++)
        out[i] = (struct curve_point){least_of(i), tally_measures(&m.tallies[i])};
    opa_tokens_release(&m.tokens);
    opa_encoder_free(m.encoder);
    return result;
}

bool curve_hal_rate(double *out, const struct curve_point curve[CURVE_POINTS], double cover)
{
    int i = CURVE_POINTS - 1; /* the strictest point that still covers so much */
    while (i >= 0 && curve[i].measures.cover < cover)
        i--;
    if (i < 0 || (i == CURVE_POINTS - 1 && curve[i].measures.cover > cover))
        return false;
    const struct measures *more = &curve[i].measures;
    *out = more->hal_rate;
    if (more->cover > cover) {
        const struct measures *less = &curve[i + 1].measures;
        *out -= (more->cover - cover) / (more->cover - less->cover) * (more->hal_rate - less->hal_rate);
    }
    return true;
}
