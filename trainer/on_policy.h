/* SPDX-License-Identifier: Apache-2.0 */
/** @file on_policy.h
 *  Is the data on-policy? OPA-DPO's thesis: where the reference finds the chosen responses very unlikely, DPO separates the
 *  pairs at once and learns nothing (arXiv 2501.09695, section 3.1; OPA-DPO/issues/10). So the log-probs of what the expert
 *  wrote are looked at apart from those of what the expert kept.
 *
 *  Which tokens are edited is taken from the words: hunks of words between the generated and the revised text, projected onto
 *  the tokens of the revised one, as for the pack's weights. Ids alone would not do: LLaMA writes "In" after a line break and
 *  "▁In" after a space, and a longest common subsequence of ids keeps halves of words. A pack need not carry the hunks: its
 *  texts give them back.
 */
#ifndef OPATRAIN_ON_POLICY_H
#define OPATRAIN_ON_POLICY_H

#include "packed.h"

/** Log-probs of one kind of token. */
struct on_policy_tokens {
    float *logp;
    size_t count, capacity;
};

/** {0} and a tokenizer is empty. */
struct on_policy {
    const opa_tokenizer *tokenizer; /**< the model's */
    opa_encoder *encoder;
    opa_tokens tokens;
    struct on_policy_tokens edited, kept; /**< of revised responses, EOS not among them */
    size_t pairs, far;                    /**< language pairs, and those whose chosen response is unlikely as a whole */
    size_t uncut;                         /**< revised responses that the tokenizer cuts otherwise than the pack */
};

/** Count a sample; logp[role] [ids.count] are those of the response's own ids, NULL: not known. OPA_ENOMEM. */
int on_policy_add(struct trainer *t, struct on_policy *o, const struct packed *sample,
                  const double *const logp[ROLE_COUNT]);
/** Notes: what is "under the base model" (@p under), and a warning where more than a tenth of the pairs is far off. */
void on_policy_report(const struct trainer *t, struct on_policy *o, const char *under);
void on_policy_release(struct on_policy *o);

#endif
