/* SPDX-License-Identifier: Apache-2.0 */
/* Is the data on-policy? OPA-DPO's thesis: where the reference finds the chosen responses very unlikely, DPO separates the
 * pairs at once and learns nothing (arXiv 2501.09695, section 3.1; OPA-DPO/issues/10). */
#include <math.h>
#include <stdlib.h>

#include "training.h"

/* Log-probs of one kind of token. */
struct sample_of_tokens {
    float *logp;
    size_t count, capacity;
};

struct on_policy {
    struct sample_of_tokens edited, kept; /* of revised responses */
    size_t pairs, far;
};

/* A chosen response whose mean token has less than 1/20: of the paper's runs, the base model gives its revised responses a
 * mean of -1.45 and the OPA model -1.3; -3 is far from both. */
static const double far_mean = -3.0;

static int add_token(struct training *tr, struct sample_of_tokens *list, double logp)
{
    if (list->count == list->capacity) {
        const size_t most = list->capacity ? 2 * list->capacity : 4096;
        float *grown = realloc(list->logp, most * sizeof *grown);
        if (grown == NULL)
            return trainer_fail_memory(&tr->run.t);
        list->logp = grown;
        list->capacity = most;
    }
    list->logp[list->count++] = (float)logp;
    return OPA_OK;
}

/* Which tokens of @p a stand in a longest common subsequence with @p b: those that the expert kept. O(n m) bits of the
 * table's choices; responses have at most some thousand tokens. */
static int mark_kept(struct training *tr, bool *kept, const struct ids *a, const struct ids *b)
{
    const size_t n = a->count, m = b->count;
    uint16_t *length = calloc((n + 1) * (m + 1), sizeof *length);
    if (length == NULL)
        return trainer_fail_memory(&tr->run.t);
    for (size_t i = n; i-- > 0;) {
        for (size_t j = m; j-- > 0;) {
            const uint16_t down = length[(i + 1) * (m + 1) + j], right = length[i * (m + 1) + j + 1];
            length[i * (m + 1) + j] = a->data[i] == b->data[j] ? (uint16_t)(length[(i + 1) * (m + 1) + j + 1] + 1)
                                      : down > right           ? down
                                                               : right;
        }
    }
    for (size_t i = 0, j = 0; i < n && j < m;) {
        if (a->data[i] == b->data[j])
            kept[i++] = true, j++;
        else if (length[(i + 1) * (m + 1) + j] >= length[i * (m + 1) + j + 1])
            i++;
        else
            j++;
    }
    free(length);
    return OPA_OK;
}

static int add_revised(struct training *tr, struct on_policy *o, const struct example *e)
{
    const struct ids *ids = &e->ids[ROLE_REVISED];
    const struct view *view = &e->views[view_of(ROLE_REVISED, false)];
    bool *kept = calloc(ids->count + 1, sizeof *kept);
    int status = kept ? mark_kept(tr, kept, ids, &e->ids[ROLE_GENERATED]) : trainer_fail_memory(&tr->run.t);
    for (size_t i = 0; i < ids->count && status == OPA_OK; i++)
        status = add_token(tr, kept[i] ? &o->kept : &o->edited, view->reference[i]);
    free(kept);
    return status;
}

static double mean_of(const double *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i];
    return count ? sum / (double)count : 0;
}

static int add_example(struct training *tr, struct on_policy *o, size_t place)
{
    struct example *e = &tr->other;
    int status = example_read(&tr->eyes, &tr->run.prompter, e, &tr->train.data, place, tr->context);
    if (status == OPA_OK)
        status = example_choose_pairs(&tr->run.t, e, tr->loss.objective);
    const bool masked = !tr->fresh;
    if (status == OPA_OK)
        status = example_link(&tr->run.t, e);
    if (status == OPA_OK)
        status = reference_fill(&tr->run.t, &tr->train.reference, e, masked);
    for (size_t i = 0; i < e->sample.pair_count && status == OPA_OK; i++) {
        const struct packed_pair *pair = &e->sample.pairs[i];
        const struct view *view = &e->views[view_of(pair->chosen, false)];
        if (pair->type != PAIR_LANGUAGE)
            continue;
        o->pairs++;
        o->far += mean_of(view->reference, view->count) < far_mean;
    }
    if (status == OPA_OK && e->views[view_of(ROLE_REVISED, false)].used && e->sample.responses[ROLE_GENERATED].there)
        status = add_revised(tr, o, e);
    return status;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void describe(char out[96], struct sample_of_tokens *list)
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

int on_policy_report(struct training *tr)
{
    struct on_policy o = {0};
    int status = OPA_OK;
    char edited[96], kept[96];
    for (size_t i = 0; i < tr->train.data.count && status == OPA_OK; i++)
        status = add_example(tr, &o, i);
    if (status == OPA_OK && o.pairs > 0) {
        const double share = (double)o.far / (double)o.pairs;
        describe(edited, &o.edited);
        describe(kept, &o.kept);
        cli_note(tr->run.cli, "under the reference: edited tokens %s; kept tokens %s", edited, kept);
        cli_note(tr->run.cli, "under the reference: %.0f%% of %zu chosen responses have a mean below %.1f", 100 * share,
                 o.pairs, far_mean);
        if (share > 0.1)
            cli_note(tr->run.cli, "warning: the data is off-policy for this reference: DPO will separate the pairs at "
                                  "once and hardly change the model; make it on-policy first with opatrain sft on the "
                                  "same packs");
    }
    free(o.edited.logp);
    free(o.kept.logp);
    return status;
}
