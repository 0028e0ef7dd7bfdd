/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/pairwise.h"

#include "objective/logistic.h"

/* ---- losses of scores ---- */

static double square(double x)
{
    return x * x;
}

/* f(beta d), the trunk of many; its slopes are added to *slope. */
static double logistic(struct scores *slope, const struct scores *s, double beta)
{
    const double z = beta * (s->chosen - s->rejected), by_d = -beta * sigmoid(-z);
    slope->chosen += by_d;
    slope->rejected -= by_d;
    return minus_log_sigmoid(z);
}

static double sigmoid_loss(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    return logistic(slope, s, c->beta);
}

/* a f(z) - b f(-z): label smoothing of both kinds. */
static double smoothed(struct scores *slope, const struct scores *s, double beta, double a, double b)
{
    const double z = beta * (s->chosen - s->rejected), by_d = beta * (-a * sigmoid(-z) + b * sigmoid(z));
    slope->chosen += by_d;
    slope->rejected -= by_d;
    return a * minus_log_sigmoid(z) + b * minus_log_sigmoid(-z);
}

static double cdpo(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    return smoothed(slope, s, c->beta, 1 - c->label_smoothing, c->label_smoothing);
}

static double robust(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double e = c->label_smoothing;
    return smoothed(slope, s, c->beta, (1 - e) / (1 - 2 * e), -e / (1 - 2 * e));
}

static double hinge(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double left = 1 - c->beta * (s->chosen - s->rejected);
    if (left <= 0)
        return 0;
    slope->chosen -= c->beta;
    slope->rejected += c->beta;
    return left;
}

static double ipo(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double off = s->chosen - s->rejected - 1 / (2 * c->beta);
    slope->chosen += 2 * off;
    slope->rejected -= 2 * off;
    return square(off);
}

static double simpo(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double z = c->beta * (s->chosen - s->rejected) - c->margin, by_d = -c->beta * sigmoid(-z);
    slope->chosen += by_d;
    slope->rejected -= by_d;
    return minus_log_sigmoid(z);
}

/* 1 - e^x of a mean log-prob. Where a model is certain to float32's last digit x is 0, or rounded to above it: odds stay
 * finite. */
static double complement(double x)
{
    const double least = 0x1p-52, p = -expm1(x);
    return p > least ? p : least;
}

/* d log odds / dx = 1 / (1 - e^x) */
static double orpo(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double w = s->chosen, l = s->rejected;
    const double z = (w - l) - (log(complement(w)) - log(complement(l))), by_z = -c->lambda * sigmoid(-z);
    slope->chosen += by_z / complement(w);
    slope->rejected -= by_z / complement(l);
    slope->nll += 1;
    return s->nll + c->lambda * minus_log_sigmoid(z);
}

static double rpo(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    slope->nll += c->alpha;
    return logistic(slope, s, c->beta) + c->alpha * s->nll;
}

static double mdpo(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double image = c->beta * (s->chosen - s->masked), anchor = c->beta * s->chosen - c->delta;
    slope->chosen -= c->beta * (sigmoid(-image) + sigmoid(-anchor));
    slope->masked += c->beta * sigmoid(-image);
    return logistic(slope, s, c->beta) + minus_log_sigmoid(image) + minus_log_sigmoid(anchor);
}

static double hsa(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double z = c->beta * (s->chosen - c->severity * s->rejected), by_z = -c->beta * sigmoid(-z);
    slope->chosen += by_z;
    slope->rejected -= c->severity * by_z;
    return minus_log_sigmoid(z);
}

static double bco_pair(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double w = c->beta * s->chosen, l = c->beta * s->rejected;
    slope->chosen -= c->beta * sigmoid(-w);
    slope->rejected += c->beta * sigmoid(l);
    return minus_log_sigmoid(w) + minus_log_sigmoid(-l);
}

static double nca_pair(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double w = c->beta * s->chosen;
    slope->chosen += c->beta * (-sigmoid(-w) + 0.5 * sigmoid(w));
    slope->rejected += c->beta * 0.5 * sigmoid(c->beta * s->rejected);
    return minus_log_sigmoid(w) + 0.5 * minus_log_sigmoid(-w) + 0.5 * minus_log_sigmoid(-c->beta * s->rejected);
}

/* beta sigmoid'(z) */
static double bell(double beta, double z)
{
    return beta * sigmoid(z) * sigmoid(-z);
}

static double apo_zero(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double w = c->beta * s->chosen, l = c->beta * s->rejected;
    slope->chosen -= bell(c->beta, w);
    slope->rejected += bell(c->beta, l);
    return sigmoid(-w) + sigmoid(l);
}

static double apo_down(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double w = c->beta * s->chosen, z = c->beta * (s->chosen - s->rejected);
    slope->chosen += bell(c->beta, w) - bell(c->beta, z);
    slope->rejected += bell(c->beta, z);
    return sigmoid(w) + sigmoid(-z);
}

static double sppo_hard(struct scores *slope, const struct scores *s, const struct coefficients *c)
{
    const double half = 1 / (2 * c->beta), w = s->chosen - half, l = s->rejected + half;
    slope->chosen += 2 * w;
    slope->rejected += 2 * l;
    return square(w) + square(l);
}

/* ---- the table ---- */

const struct pairwise pairwise_sigmoid = {"sigmoid", SCORE_SUM, false, sigmoid_loss};
const struct pairwise pairwise_cdpo = {"cdpo", SCORE_SUM, false, cdpo};
const struct pairwise pairwise_robust = {"robust", SCORE_SUM, false, robust};
const struct pairwise pairwise_hinge = {"hinge", SCORE_SUM, false, hinge};
const struct pairwise pairwise_ipo = {"ipo", SCORE_MEAN, false, ipo};
const struct pairwise pairwise_sigmoid_norm = {"sigmoid_norm", SCORE_MEAN, false, sigmoid_loss};
const struct pairwise pairwise_simpo = {"simpo", SCORE_MEAN, false, simpo};
const struct pairwise pairwise_orpo = {"orpo", SCORE_MEAN, true, orpo};
const struct pairwise pairwise_rpo = {"rpo", SCORE_SUM, true, rpo};
const struct pairwise pairwise_ddpo = {"ddpo", SCORE_MEAN, false, sigmoid_loss};
const struct pairwise pairwise_ddpo_sum = {"ddpo_sum", SCORE_SUM, false, sigmoid_loss};
const struct pairwise pairwise_mdpo = {"mdpo", SCORE_SUM, false, mdpo};
const struct pairwise pairwise_hsa = {"hsa", SCORE_SUM, false, hsa};
const struct pairwise pairwise_bco_pair = {"bco_pair", SCORE_SUM, false, bco_pair};
const struct pairwise pairwise_nca_pair = {"nca_pair", SCORE_SUM, false, nca_pair};
const struct pairwise pairwise_apo_zero = {"apo_zero", SCORE_SUM, false, apo_zero};
const struct pairwise pairwise_apo_down = {"apo_down", SCORE_SUM, false, apo_down};
const struct pairwise pairwise_sppo_hard = {"sppo_hard", SCORE_SUM, false, sppo_hard};

/* ---- from tokens to scores and back ---- */

/* What a sum over tokens is divided by: for a mean, their number or the sum of their weights; where nothing weighs, the
 * score is 0. */
static double divisor(const struct pairwise *row, const struct objective_side *side)
{
    double n = 0;
    if (row->score == SCORE_SUM)
        return 1;
    for (size_t i = 0; i < side->count; i++)
        n += side->weights ? side->weights[i] : 1;
    return n != 0 ? n : 1;
}

static double likelihood(const struct objective_side *side)
{
    double sum = 0;
    for (size_t i = 0; i < side->count; i++)
        sum -= side->policy[i];
    return side->count > 0 ? sum / (double)side->count : 0;
}

void pairwise_add_masked(const struct pairwise *row, const struct coefficients *c, double scale,
                         const struct objective_pair *pair, const struct objective_side *masked, struct terms *terms)
{
    const struct objective_side *chosen = &pair->chosen, *rejected = &pair->rejected;
    const double by_chosen = divisor(row, chosen), by_rejected = divisor(row, rejected);
    struct scores slope = {0};
    const struct scores s = {.chosen = side_score(chosen) / by_chosen,
                             .rejected = side_score(rejected) / by_rejected,
                             .nll = row->likelihood ? likelihood(chosen) : 0,
                             .masked = masked ? side_score(masked) : 0};
    const double loss = row->loss(&slope, &s, c);
    terms->total += scale * loss;
    terms->value[TERM_PREFERENCE] += scale * (loss - slope.nll * s.nll);
    terms->used[TERM_PREFERENCE] = true;
    if (row->likelihood) {
        terms->value[TERM_NLL] += scale * s.nll;
        terms->used[TERM_NLL] = true;
        for (size_t i = 0; i < chosen->count; i++)
            chosen->slope[i] -= scale * slope.nll / (double)chosen->count;
    }
    side_push(chosen, scale * slope.chosen / by_chosen);
    side_push(rejected, scale * slope.rejected / by_rejected);
    if (masked != NULL)
        side_push(masked, scale * slope.masked);
}

void pairwise_add(const struct pairwise *row, const struct coefficients *c, double scale,
                  const struct objective_pair *pair, struct terms *terms)
{
    pairwise_add_masked(row, c, scale, pair, NULL, terms);
}
