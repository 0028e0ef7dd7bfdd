/* SPDX-License-Identifier: Apache-2.0 */
/** @file pairwise.h
 *  The losses that see a language pair as two scores (spec, section 6). What a score is and what the pair costs are the
 *  columns of a table; with d = w - l, w and l the scores of chosen and rejected, f(z) = -log sigmoid(z), e = label
 *  smoothing:
 *
 *      name           score              loss
 *      sigmoid        sum of D           f(beta d)
 *      cdpo           sum of D           (1-e) f(beta d) + e f(-beta d)
 *      robust         sum of D           ((1-e) f(beta d) - e f(-beta d)) / (1 - 2e)
 *      hinge          sum of D           max(0, 1 - beta d)
 *      ipo            mean of D          (d - 1/(2 beta))^2
 *      sigmoid_norm   mean of D          f(beta d)
 *      simpo          mean of log p      f(beta d - margin)
 *      orpo           mean of log p      -w + lambda f(log odds(w) - log odds(l)),  log odds(x) = x - log(1 - e^x)
 *      rpo            sum of D           f(beta d) + alpha nll
 *      ddpo           weighted mean of D f(beta d)
 *      ddpo_sum       weighted sum of D  f(beta d)
 *      mdpo           sum of D           f(beta d) + f(beta (w - w')) + f(beta w - delta),  w' under the other image
 *      hsa            sum of D           f(beta (w - severity l))
 *      bco_pair       sum of D           f(beta w) + f(-beta l)
 *      nca_pair       sum of D           f(beta w) + f(-beta w) / 2 + f(-beta l) / 2
 *      apo_zero       sum of D           1 - sigmoid(beta w) + sigmoid(beta l)
 *      apo_down       sum of D           sigmoid(beta w) + 1 - sigmoid(beta d)
 *      sppo_hard      sum of D           (w - 1/(2 beta))^2 + (l + 1/(2 beta))^2
 *
 *  A mean over weights that are all 0 is 0.
 */
#ifndef OPATRAIN_OBJECTIVE_PAIRWISE_H
#define OPATRAIN_OBJECTIVE_PAIRWISE_H

#include "objective/objective.h"

struct scores {
    double chosen, rejected;
    double nll;    /**< -mean log p of the chosen response */
    double masked; /**< of the chosen response under the other image; mDPO only */
};

struct pairwise {
    const char *name;
    enum { SCORE_SUM, SCORE_MEAN } score;
    bool likelihood; /**< reads nll */
    /** The loss, and in @p slope its slopes by each of the scores. */
    double (*loss)(struct scores *slope, const struct scores *s, const struct coefficients *c);
};

extern const struct pairwise pairwise_sigmoid, pairwise_cdpo, pairwise_robust, pairwise_hinge, pairwise_ipo,
    pairwise_sigmoid_norm, pairwise_simpo, pairwise_orpo, pairwise_rpo, pairwise_ddpo, pairwise_ddpo_sum, pairwise_mdpo,
    pairwise_hsa, pairwise_bco_pair, pairwise_nca_pair, pairwise_apo_zero, pairwise_apo_down, pairwise_sppo_hard;

/** Add a language pair. */
void pairwise_add(const struct pairwise *row, const struct coefficients *c, double scale,
                  const struct objective_pair *pair, struct terms *terms);
/** The same with the chosen response under another image, for mDPO. */
void pairwise_add_masked(const struct pairwise *row, const struct coefficients *c, double scale,
                         const struct objective_pair *pair, const struct objective_side *masked, struct terms *terms);

#endif
