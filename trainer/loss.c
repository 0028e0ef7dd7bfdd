/* SPDX-License-Identifier: Apache-2.0 */
#include "loss.h"

#include <string.h>

#include "objective/sft.h"

static bool counts_as_pair(const struct loss *loss, const struct packed_pair *pair)
{
    return pair->type == PAIR_LANGUAGE && loss->objective->needs[PAIR_LANGUAGE];
}

void loss_count(const struct loss *loss, struct loss_counts *counts, const struct example *e)
{
    counts->objective.samples++;
    for (int v = 0; v < EXAMPLE_VIEWS; v++)
        counts->targets += e->views[v].used ? e->views[v].count : 0;
    for (size_t i = 0; loss->objective != NULL && i < e->sample.pair_count; i++)
        counts->objective.pairs += counts_as_pair(loss, &e->sample.pairs[i]);
}

/* ---- SFT ---- */

static void add_sft(const struct loss *loss, const struct loss_counts *counts, struct example *e,
                    struct loss_report *report)
{
    const double means = loss->micro_batch_mean ? (double)counts->micro_batches : 1;
    const double scale = 1 / ((double)counts->targets * means);
    for (int v = 0; v < EXAMPLE_VIEWS; v++) {
        struct view *view = &e->views[v];
        if (view->used)
            report->terms.total += sft_add(view->slope, view->logp, view->count, scale);
    }
}

/* ---- pairs ---- */

static struct objective_side side_of(const struct loss *loss, struct example *e, const struct packed_pair *pair,
                                     enum role role, bool masked)
{
    const struct view *view = &e->views[view_of(role, masked)];
    return (struct objective_side){.policy = view->logp,
                                   .reference = loss->objective->reference ? view->reference : NULL,
                                   .weights = pair->weights < 0 ? NULL : e->weights[role][pair->weights],
                                   .slope = view->slope,
                                   .count = view->count};
}

static double sum_of(const double *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i];
    return sum;
}

/* Log-probs and rewards are of whole responses, without weights: that is what people compare between runs. */
static void report_pair(const struct loss *loss, const struct objective_pair *pair, struct loss_report *report)
{
    const double w = sum_of(pair->chosen.policy, pair->chosen.count),
                 l = sum_of(pair->rejected.policy, pair->rejected.count);
    double by_w = w, by_l = l;
    if (loss->objective->reference) {
        by_w -= sum_of(pair->chosen.reference, pair->chosen.count);
        by_l -= sum_of(pair->rejected.reference, pair->rejected.count);
    }
    report->pairs++;
    report->chosen += w;
    report->rejected += l;
    report->reward_chosen += loss->c.beta * by_w;
    report->reward_rejected += loss->c.beta * by_l;
    report->right += by_w > by_l ? 1 : by_w == by_l ? 0.5 : 0;
}

static void add_pairs(const struct loss *loss, const struct loss_counts *counts, struct example *e,
                      struct loss_report *report)
{
    const double scale = objective_scale(loss->objective, &loss->c, counts->objective);
    for (int v = 0; v < EXAMPLE_VIEWS; v++) {
        if (e->views[v].used)
            memset(e->views[v].slope, 0, e->views[v].count * sizeof(double));
    }
    for (size_t i = 0; i < e->sample.pair_count; i++) {
        const struct packed_pair *p = &e->sample.pairs[i];
        if (!loss->objective->needs[p->type])
            continue;
        const struct objective_pair pair = {.type = p->type,
                                            .ground_truth = p->chosen == ROLE_GROUND_TRUTH,
                                            .chosen = side_of(loss, e, p, p->chosen, false),
                                            .rejected = side_of(loss, e, p, p->rejected, p->type == PAIR_IMAGE)};
        objective_add(loss->objective, &loss->c, scale, &pair, &report->terms);
        if (p->type == PAIR_LANGUAGE)
            report_pair(loss, &pair, report);
    }
}

void loss_add(const struct loss *loss, const struct loss_counts *counts, struct example *e, struct loss_report *report)
{
    if (loss->objective == NULL)
        add_sft(loss, counts, e, report);
    else
        add_pairs(loss, counts, e, report);
}

/* ---- reports ---- */

void loss_report_add(struct loss_report *report, const struct loss_report *other)
{
    report->terms.total += other->terms.total;
    for (int term = 0; term < TERM_COUNT; term++) {
        report->terms.value[term] += other->terms.value[term];
        report->terms.used[term] |= other->terms.used[term];
    }
    report->pairs += other->pairs;
    report->chosen += other->chosen;
    report->rejected += other->rejected;
    report->reward_chosen += other->reward_chosen;
    report->reward_rejected += other->reward_rejected;
    report->right += other->right;
}
