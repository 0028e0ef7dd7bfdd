/* SPDX-License-Identifier: Apache-2.0 */
/** @file release.h
 *  OPA-DPO as its released code computes it (spec, section 3): one sigmoid a token *position*. Responses are padded to L =
 *  response_length; token t of one is compared with token t of the other; padding has D = 0. With f(z) = -log
 *  sigmoid(beta z), s and w the weights by score and by error type, M the mean over samples and L positions:
 *
 *      term         what                                    factor
 *      lc1          M f(D_GT - D_Gen)                       1
 *      lc2          M f(s_Rev D_Rev - s_Gen D_Gen)          1
 *      if1          M f(D_GT - D_GT')                       gamma1
 *      if2          M f(w_Rev (D_Rev - D_Rev'))             gamma1
 *      anchor_gt    2 M f(D_GT - delta)                     gamma2
 *      anchor_rev   2 M f(-D_Rev - delta)                   gamma2      the revised response is pushed *down*
 *
 *  A padded position costs f(0) = log 2 (an anchor's f(-delta)) and has no slope, so it is counted, not computed. At policy
 *  = reference the total is 6.4 log 2. A response longer than L counts whole (the released code cuts it).
 */
#ifndef OPATRAIN_OBJECTIVE_RELEASE_H
#define OPATRAIN_OBJECTIVE_RELEASE_H

#include "objective/objective.h"

void release_add(const struct coefficients *c, double scale, const struct objective_pair *pair, struct terms *terms);

#endif
