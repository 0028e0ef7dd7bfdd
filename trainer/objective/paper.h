/* SPDX-License-Identifier: Apache-2.0 */
/** @file paper.h
 *  OPA-DPO as published (arXiv 2501.09695, section 3.3): one sigmoid a pair, over whole sequences. With f(z) = -log
 *  sigmoid(z) and R the sum of D over a response, R^s and R^w weighted by score and by error type:
 *
 *      term         what                                            factor
 *      lc1          f(beta (R_GT - R_Gen))                          1
 *      lc2          f(beta (R^s_Rev - R^s_Gen))                     1
 *      if1          f(beta (R_GT - R_GT'))                          gamma1
 *      if2          f(beta (R^w_Rev - R^w_Rev'))                    gamma1
 *      anchor_gt    f(beta R_GT - delta)                            gamma2
 *      anchor_rev   f(beta R_Rev - delta)                           gamma2
 *
 *  and the mean over samples. The weights are the pairs' (the pack says which).
 */
#ifndef OPATRAIN_OBJECTIVE_PAPER_H
#define OPATRAIN_OBJECTIVE_PAPER_H

#include "objective/objective.h"

void paper_add(const struct coefficients *c, double scale, const struct objective_pair *pair, struct terms *terms);

/** The term that a pair counts in, and its factor in the total. */
enum term opa_term(const struct objective_pair *pair);
double opa_factor(const struct coefficients *c, enum pair_type type);

#endif
