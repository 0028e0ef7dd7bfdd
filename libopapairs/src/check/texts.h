/* SPDX-License-Identifier: Apache-2.0 */
/** @file texts.h
 *  What a sample's texts say on their own (codes 5xx).
 */
#ifndef OPA_CHECK_TEXTS_H
#define OPA_CHECK_TEXTS_H

#include <opapairs/sample.h>

#include "base/buffer.h"

/** Tokens that the released code has room for (OPA-DPO's data_utils_dpo.py: query_len, response_len), BOS included. */
#define OPA_CHECK_QUERY_TOKENS 128
#define OPA_CHECK_RESPONSE_TOKENS 896

/** Scratch for counting. Without an encoder lengths are lower bounds by words. {0} is one without. */
typedef struct opa_text_checker {
    opa_encoder *encoder; /**< owned; NULL: none */
    opa_tokens tokens;
    opa_buffer query;
} opa_text_checker;

void opa_text_checker_release(opa_text_checker *checker);
/** Append the findings about the prompt and the responses. Errors of the encoder; OPA_ENOMEM. */
int opa_text_checker_check(opa_text_checker *checker, const opa_sample *sample, const opa_assessment *assessment,
                           opa_findings *findings);

#endif
