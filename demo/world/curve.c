/* SPDX-License-Identifier: Apache-2.0 */
#include "curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scores.h"

struct making {
    struct cli *cli;
    struct curve *curve;
    const char *path;
    opa_encoder *encoder;
    opa_tokens tokens;
    size_t scored; /* answers that have log-probs */
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

/* What is left of an answer at @p point: the sentences that are so probable, and those about no object. */
static int abstain(struct making *m, const struct said *said, const double *logprobs, int point)
{
    struct tally unused = {0};
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
    m->curve->points[point].outcomes[said - m->curve->base->of] =
        tally_add(&unused, &said->scene, (opa_text){kept, size});
    free(kept);
    return 0;
}

static int on_score(void *user, opa_text id, const double *logprobs, size_t count)
{
    struct making *m = user;
    const struct said *said = answers_find(m->curve->base, id);
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
        result = abstain(m, said, logprobs, i);
    m->scored++;
    return result;
}

/* -> the Cover, and the HalRate, as shares of 1. */
static double mean_of(const struct outcome *outcomes, size_t count, double *hal_rate)
{
    double cover = 0;
    *hal_rate = 0;
    for (size_t i = 0; i < count; i++) {
        *hal_rate += outcomes[i].invents / (double)count;
        cover += outcomes[i].covers / (double)count;
    }
    return cover;
}

static int begin(struct cli *cli, struct curve *out)
{
    const size_t count = out->base->count;
    for (int i = 0; i < CURVE_POINTS; i++) {
        struct outcome *outcomes = out->points[i].outcomes = calloc(count + 1, sizeof *outcomes);
        if (outcomes == NULL)
            return cli_error(cli, EXIT_IO, "out of memory");
        answers_outcomes(outcomes, out->base, out->base);
    }
    return 0;
}

int curve_make(struct cli *cli, struct curve *out, const struct answers *base, const char *scores,
               const opa_tokenizer *tokenizer)
{
    struct making m = {.cli = cli, .curve = out, .path = scores};
    *out = (struct curve){.base = base};
    const int status = opa_encoder_new(cli->ctx, &m.encoder, tokenizer);
    int result = status == OPA_OK ? begin(cli, out) : cli_fail(cli, status, NULL);
    if (result == 0)
        result = each_score(cli, scores, "generated", on_score, &m);
    if (result == 0 && m.scored == 0)
        result = cli_error(cli, EXIT_DATA, "%s: it has no log-probs of generated answers", scores);
    for (int i = 0; i < CURVE_POINTS && result == 0; i++)
        out->points[i].cover = mean_of(out->points[i].outcomes, base->count, &out->points[i].hal_rate);
    opa_tokens_release(&m.tokens);
    opa_encoder_free(m.encoder);
    return result;
}

void curve_release(struct curve *c)
{
    for (int i = 0; i < CURVE_POINTS; i++)
        free(c->points[i].outcomes);
    *c = (struct curve){0};
}

bool curve_excess(double *out, const struct curve *c, const struct outcome *outcomes)
{
    const size_t count = c->base->count;
    double hal_rate, part = 0, slope = 0;
    const double cover = mean_of(outcomes, count, &hal_rate);
    int i = CURVE_POINTS - 1; /* the strictest point that still covers so much */
    while (i >= 0 && c->points[i].cover < cover)
        i--;
    if (i < 0 || (i == CURVE_POINTS - 1 && c->points[i].cover > cover))
        return false;
    const struct curve_point *more = &c->points[i], *less = more->cover > cover ? more + 1 : more;
    if (less != more) {
        part = (more->cover - cover) / (more->cover - less->cover);
        slope = (more->hal_rate - less->hal_rate) / (more->cover - less->cover);
    }
    /* The curve's HalRate at a Cover that is itself a mean over the scenes, to the first order. */
    for (size_t k = 0; k < count; k++) {
        const struct outcome a = more->outcomes[k], b = less->outcomes[k];
        const double invents = a.invents + part * (b.invents - a.invents),
                     covers = a.covers + part * (b.covers - a.covers);
        out[k] = outcomes[k].invents - invents - slope * (outcomes[k].covers - covers);
    }
    return true;
}
