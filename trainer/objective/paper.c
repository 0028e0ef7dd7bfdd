/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/paper.h"

#include "objective/logistic.h"

enum term opa_term(const struct objective_pair *pair)
{
    static const enum term terms[PAIR_TYPES][2] = {
        {TERM_LC2, TERM_LC1}, {TERM_IF2, TERM_IF1}, {TERM_ANCHOR_REV, TERM_ANCHOR_GT}};
    return terms[pair->type][pair->ground_truth];
}

double opa_factor(const struct coefficients *c, enum pair_type type)
{
    return type == PAIR_LANGUAGE ? 1 : type == PAIR_IMAGE ? c->gamma1 : c->gamma2;
}

void paper_add(const struct coefficients *c, double scale, const struct objective_pair *pair, struct terms *terms)
{
    const bool anchor = pair->type == PAIR_ANCHOR;
    const double rejected = anchor ? 0 : side_score(&pair->rejected);
    const double z = c->beta * (side_score(&pair->chosen) - rejected) - (anchor ? c->delta : 0);
    const double factor = scale * opa_factor(c, pair->type), value = minus_log_sigmoid(z);
    const double slope = -factor * c->beta * sigmoid(-z);
    terms->value[opa_term(pair)] += scale * value;
    terms->used[opa_term(pair)] = true;
    terms->total += factor * value;
    side_push(&pair->chosen, slope);
    if (!anchor)
        side_push(&pair->rejected, -slope);
}
