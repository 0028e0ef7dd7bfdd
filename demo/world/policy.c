/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <stdlib.h>

struct measuring {
    struct cli *cli;
    struct policy *out;
    const char *path;
    opa_pack *pack;
    opa_encoder *encoder;
    opa_tokens tokens;
    opa_span *spans;
};

static void count_token(struct policy *p, bool edited, double logprob)
{
    if (!edited) {
        p->kept++;
        p->kept_mean += logprob;
        return;
    }
    const double depth = -logprob;
    p->edited++;
    p->edited_mean += logprob;
    p->bins[depth < POLICY_BINS - 1 ? (int)depth : POLICY_BINS - 1]++;
}

/* Which tokens of the revised text stand in an edited hunk, as opapairs inspect shows them. */
static int count_sample(struct measuring *m, const opa_alignment *a, const double *logprobs, size_t count)
{
    int status = opa_encoder_encode(m->encoder, &m->tokens, a->revised, OPA_ENCODE_PLAIN);
    if (status != OPA_OK)
        return cli_fail(m->cli, status, m->path);
    if (m->tokens.count + 1 != count)
        return cli_error(m->cli, EXIT_DATA, "%s: %zu log-probs for %zu tokens and an end: another pack or tokenizer?",
                         m->path, count, m->tokens.count);
    opa_span *grown = realloc(m->spans, (a->hunk_count + 1) * sizeof *grown);
    if (grown == NULL)
        return cli_error(m->cli, EXIT_IO, "out of memory");
    m->spans = grown;
    opa_align_tokens(m->spans, a->hunks, a->hunk_count, true, a->revised, &m->tokens);
    for (size_t h = 0; h < a->hunk_count; h++) {
        for (size_t i = m->spans[h].begin; i < m->spans[h].end; i++)
            count_token(m->out, a->hunks[h].op != OPA_KEEP, logprobs[i]);
    }
    count_token(m->out, false, logprobs[count - 1]);
    return 0;
}

static int on_score(void *user, opa_text id, const double *logprobs, size_t count)
{
    struct measuring *m = user;
    opa_pack_members members;
    opa_sample sample;
    opa_assessment assessment = {0};
    size_t place;
    if (!opa_pack_find(m->pack, &place, id))
        return cli_error(m->cli, EXIT_DATA, "%s: '%.*s' is not in the pack", m->path, (int)id.size, id.data);
    int status = opa_pack_read(m->pack, &members, place);
    if (status == OPA_OK)
        status = opa_pack_sample(m->pack, &sample, &members);
    if (status == OPA_OK)
        status = opa_assess(m->cli->ctx, &assessment, &sample, NULL, NULL);
    const int result =
        status == OPA_OK ? count_sample(m, &assessment.alignment, logprobs, count) : cli_fail(m->cli, status, m->path);
    opa_assessment_release(&assessment);
    return result;
}

/* Until here the means were sums. */
static void take_means(struct policy *p)
{
    p->edited_mean /= p->edited > 0 ? (double)p->edited : 1;
    p->kept_mean /= p->kept > 0 ? (double)p->kept : 1;
}

int policy_measure(struct cli *cli, struct policy *out, const char *pack, const char *scores,
                   const opa_tokenizer *tokenizer)
{
    struct measuring m = {.cli = cli, .out = out, .path = scores};
    *out = (struct policy){0};
    int status = opa_pack_open(cli->ctx, &m.pack, pack);
    if (status == OPA_OK)
        status = opa_encoder_new(cli->ctx, &m.encoder, tokenizer);
    int result = status == OPA_OK ? each_score(cli, scores, "revised", on_score, &m) : cli_fail(cli, status, NULL);
    if (result == 0 && out->kept == 0) /* each response has an end of text */
        result = cli_error(cli, EXIT_DATA, "%s: it has no log-probs of revised responses", scores);
    take_means(out);
    free(m.spans);
    opa_tokens_release(&m.tokens);
    opa_encoder_free(m.encoder);
    opa_pack_free(m.pack);
    return result;
}
