/* SPDX-License-Identifier: Apache-2.0 */
#include "on_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chosen response is too far off-policy below this mean log-prob: less than 1/20 a token. Of the paper's runs, the base
 * model gives its revised responses -1.45 and the OPA model -1.3. */
static const double far_mean = -3.0;

/* ---- edited and kept tokens ---- */

static int add_token(struct trainer *t, struct on_policy_tokens *list, double logp)
{
    if (list->count == list->capacity) {
        const size_t most = list->capacity ? 2 * list->capacity : 4096;
        float *grown = realloc(list->logp, most * sizeof *grown);
        if (grown == NULL)
            return trainer_fail_memory(t);
        list->logp = grown;
        list->capacity = most;
    }
    list->logp[list->count++] = (float)logp;
    return OPA_OK;
}

/* Where the pack's tokens stand in the text. false: this tokenizer cuts it otherwise (it adds tokens, or is another one whose
 * pieces mean the same). Behind the text's tokens the pack has EOS. */
static bool find_tokens(struct on_policy *o, const struct packed_response *response)
{
    const struct ids *ids = &response->ids;
    return o->tokens.count > 0 && o->tokens.count <= ids->count && ids->count <= o->tokens.count + 1 &&
           memcmp(o->tokens.ids, ids->data, o->tokens.count * sizeof *ids->data) == 0;
}

static int add_hunks(struct trainer *t, struct on_policy *o, const opa_alignment *a, const double *logp)
{
    const opa_hunk *hunks = a->hunks;
    const size_t count = a->hunk_count;
    opa_span *spans = malloc((count + 1) * sizeof *spans);
    int status = spans ? OPA_OK : trainer_fail_memory(t);
    if (status == OPA_OK)
        opa_align_tokens(spans, hunks, count, true, a->revised, &o->tokens);
    for (size_t h = 0; h < count && status == OPA_OK; h++) {
        struct on_policy_tokens *list = hunks[h].op == OPA_KEEP ? &o->kept : &o->edited;
        for (size_t i = spans[h].begin; i < spans[h].end && status == OPA_OK; i++)
            status = add_token(t, list, logp[i]);
    }
    free(spans);
    return status;
}

static int add_revised(struct trainer *t, struct on_policy *o, const struct packed *sample, const double *logp)
{
    const struct packed_response *revised = &sample->responses[ROLE_REVISED];
    opa_alignment alignment = {0};
    int status = o->encoder ? OPA_OK : opa_encoder_new(t->opa, &o->encoder, o->tokenizer);
    if (status == OPA_OK)
        status = opa_encoder_encode(o->encoder, &o->tokens, revised->text, OPA_ENCODE_PLAIN);
    if (status == OPA_OK && revised->text.size > 0 && !find_tokens(o, revised)) {
        o->uncut++;
        return OPA_OK;
    }
    if (status == OPA_OK)
        status = opa_align(t->opa, &alignment, sample->responses[ROLE_GENERATED].text, revised->text, NULL, NULL, NULL);
    if (status != OPA_OK)
        return trainer_fail_library(t, status, sample->id);
    status = add_hunks(t, o, &alignment, logp);
    opa_alignment_release(&alignment);
    return status;
}

/* ---- pairs ---- */

static double mean_of(const double *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i];
    return count ? sum / (double)count : 0;
}

int on_policy_add(struct trainer *t, struct on_policy *o, const struct packed *sample,
                  const double *const logp[ROLE_COUNT])
{
    for (size_t i = 0; i < sample->pair_count; i++) {
        const struct packed_pair *pair = &sample->pairs[i];
        if (pair->type != PAIR_LANGUAGE || logp[pair->chosen] == NULL)
            continue;
        o->pairs++;
        o->far += mean_of(logp[pair->chosen], sample->responses[pair->chosen].ids.count) < far_mean;
    }
    const bool both = sample->responses[ROLE_REVISED].there && sample->responses[ROLE_GENERATED].there;
    return both && logp[ROLE_REVISED] ? add_revised(t, o, sample, logp[ROLE_REVISED]) : OPA_OK;
}

/* ---- the report ---- */

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void describe(char out[96], struct on_policy_tokens *list)
{
    double sum = 0;
    for (size_t i = 0; i < list->count; i++)
        sum += (double)list->logp[i];
    if (list->count == 0) {
        snprintf(out, 96, "none");
        return;
    }
    qsort(list->logp, list->count, sizeof *list->logp, ascending);
    snprintf(out, 96, "%zu, log-prob %.2f on average, 5%% below %.2f", list->count, sum / (double)list->count,
             (double)list->logp[list->count / 20]);
}

void on_policy_report(const struct trainer *t, struct on_policy *o, const char *under)
{
    char edited[96], kept[96];
    if (o->edited.count + o->kept.count > 0) {
        describe(edited, &o->edited);
        describe(kept, &o->kept);
        trainer_note(t, "under %s: edited tokens %s; kept tokens %s", under, edited, kept);
    }
    if (o->uncut > 0)
        trainer_note(t, "%zu revised responses are not among these: the model's tokenizer cuts them otherwise",
                     o->uncut);
    if (o->pairs == 0)
        return;
    const double share = (double)o->far / (double)o->pairs;
    trainer_note(t, "under %s: %.0f%% of %zu chosen responses have a mean below %.1f", under, 100 * share, o->pairs,
                 far_mean);
    if (share > 0.1)
        trainer_note(t,
                     "warning: the data is off-policy for %s: DPO will separate the pairs at once and hardly change "
                     "the model; make it on-policy first with opatrain sft on the same packs",
                     under);
}

void on_policy_release(struct on_policy *o)
{
    opa_encoder_free(o->encoder);
    opa_tokens_release(&o->tokens);
    free(o->edited.logp);
    free(o->kept.logp);
    *o = (struct on_policy){0};
}
