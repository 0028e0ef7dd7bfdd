/* SPDX-License-Identifier: Apache-2.0 */
/** @file response.h
 *  Token ids and weights of one response: from the tokenisation of the whole text (response.c), or piece by piece as
 * the released code does (release.c).
 */
#ifndef OPA_PAIRS_RESPONSE_H
#define OPA_PAIRS_RESPONSE_H

#include "pairs/recipe.h"

/** {0} is an empty one. ids do not count BOS; weights are as many as ids. */
typedef struct opa_response {
    opa_text text;
    int32_t *ids;
    double *weights[OPA_WEIGHTS];
    size_t count, capacity;
    bool no_bos; /**< the released code has no BOS before it */
} opa_response;

void opa_response_release(opa_response *r);
/** false: out of memory. */
bool opa_response_push(opa_response *r, int32_t id, double language, double image);
/** Room for @p more tokens. */
bool opa_response_reserve(opa_response *r, size_t more);

/** What both ways need. */
typedef struct opa_response_maker {
    opa_context *ctx;
    const opa_pairs_options *options;
    const opa_sample *sample;
    const opa_assessment *assessment;
    opa_findings *findings;
    opa_tokens tokens; /**< scratch */
} opa_response_maker;

/** Fill *out, whose text is set, from one tokenisation of its text. */
int opa_response_whole(opa_response_maker *m, opa_response *out, opa_role role);

/** The released micro-batch without its faults: where it would lose weights there is a finding instead. Fills generated
 * and, when its text is set, revised. Only for samples with a report that has sentences. */
int opa_response_released(opa_response_maker *m, opa_response *generated, opa_response *revised);
/** Length of the released code's response tensors, BOS and EOS included. */
#define OPA_RELEASED_RESPONSE 896

#endif
