/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/release.h"

#include "objective/logistic.h"
#include "objective/paper.h"

static double weight_at(const struct objective_side *side, size_t t)
{
    return side->weights ? side->weights[t] : 1;
}

/* Weighted D at a position; 0 in the padding. */
static double at(const struct objective_side *side, size_t t)
{
    return t < side->count ? weight_at(side, t) * (side->policy[t] - side->reference[t]) : 0;
}

static void push(const struct objective_side *side, size_t t, double factor)
{
    if (t < side->count)
        side->slope[t] += factor * weight_at(side, t);
}

static double padded(const struct coefficients *c, size_t computed)
{
    return (double)computed < c->response_length ? c->response_length - (double)computed : 0;
}

/* Both anchors are counted twice in the released code: its rewards 3 and 4 equal 1 and 2. */
static double anchor(const struct coefficients *c, double factor, const struct objective_pair *pair)
{
    const double sign = pair->ground_truth ? 1 : -1;
    double sum = padded(c, pair->chosen.count) * minus_log_sigmoid(-c->beta * c->delta);
    for (size_t t = 0; t < pair->chosen.count; t++) {
        const double z = c->beta * (sign * at(&pair->chosen, t) - c->delta);
        sum += minus_log_sigmoid(z);
        push(&pair->chosen, t, -2 * factor * c->beta * sign * sigmoid(-z));
    }
    return 2 * sum;
}

static double compared(const struct coefficients *c, double factor, const struct objective_pair *pair)
{
    const size_t m = pair->chosen.count, n = pair->rejected.count, most = m > n ? m : n;
    double sum = padded(c, most) * minus_log_sigmoid(0);
    for (size_t t = 0; t < most; t++) {
        const double z = c->beta * (at(&pair->chosen, t) - at(&pair->rejected, t));
        const double slope = -factor * c->beta * sigmoid(-z);
        sum += minus_log_sigmoid(z);
        push(&pair->chosen, t, slope);
        push(&pair->rejected, t, -slope);
    }
    return sum;
}

void release_add(const struct coefficients *c, double scale, const struct objective_pair *pair, struct terms *terms)
{
    const double factor = scale * opa_factor(c, pair->type);
    const double sum = pair->type == PAIR_ANCHOR ? anchor(c, factor, pair) : compared(c, factor, pair);
    terms->value[opa_term(pair)] += scale * sum;
    terms->used[opa_term(pair)] = true;
    terms->total += factor * sum;
}
