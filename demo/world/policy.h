/* SPDX-License-Identifier: Apache-2.0 */
/* How likely a model finds the expert's corrections: log-probs of the tokens that the expert changed and of those that
 * stayed. Off-policy tokens are what plain DPO learns little from (arXiv 2501.09695, section 3.1). */
#ifndef MICROWORLD_POLICY_H
#define MICROWORLD_POLICY_H

#include "scores.h"

enum { POLICY_BINS = 20 }; /* bin b: log-probs from -b-1 to -b; the last one has all below, too */

struct policy {
    int64_t edited, kept;          /* tokens; an end of text counts among the kept */
    double edited_mean, kept_mean; /* log-probs; 0 where there is no such token */
    int64_t bins[POLICY_BINS];     /* of the edited tokens */
};

/* Of the revised responses of @p pack, from opatrain score over it. 0, or an exit code. */
int policy_measure(struct cli *cli, struct policy *out, const char *pack, const char *scores,
                   const opa_tokenizer *tokenizer);

#endif
