/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/check.h>

#include <stdlib.h>

#include "base/context.h"
#include "check/identity.h"
#include "check/texts.h"

struct opa_checker {
    opa_context *ctx;
    opa_identity identity;
    opa_text_checker texts;
};

int opa_checker_new(opa_context *ctx, opa_checker **out, const opa_check_options *options)
{
    *out = NULL;
    opa_checker *checker = calloc(1, sizeof *checker);
    if (!checker)
        return opa_fail_memory(ctx);
    checker->ctx = ctx;
    if (options && options->tokenizer) {
        const int status = opa_encoder_new(ctx, &checker->texts.encoder, options->tokenizer);
        if (status != OPA_OK) {
            opa_checker_free(checker);
            return status;
        }
    }
    *out = checker;
    return OPA_OK;
}

void opa_checker_free(opa_checker *checker)
{
    if (!checker)
        return;
    opa_identity_release(&checker->identity);
    opa_text_checker_release(&checker->texts);
    free(checker);
}

int opa_checker_note(opa_checker *checker, const opa_sample *sample)
{
    return opa_identity_note(&checker->identity, sample) == OPA_OK ? OPA_OK : opa_fail_memory(checker->ctx);
}

int opa_checker_sample(opa_checker *checker, const opa_sample *sample, const opa_assessment *assessment,
                       opa_findings *findings)
{
    int status = opa_text_checker_check(&checker->texts, sample, assessment, findings);
    if (status == OPA_OK)
        status = opa_identity_check(&checker->identity, sample, findings);
    return status == OPA_ENOMEM ? opa_fail_memory(checker->ctx) : status;
}

opa_severity opa_findings_worst(const opa_findings *list, int *code)
{
    opa_severity worst = OPA_INFO;
    int first = 0;
    for (size_t i = 0; i < list->count; i++) {
        const opa_code_info *info = opa_code_lookup(list->items[i].code);
        /* A code that this version does not know is taken seriously. */
        const opa_severity severity = info ? info->severity : OPA_ERROR;
        if (!first || severity > worst) {
            worst = severity;
            first = list->items[i].code;
        }
    }
    if (code)
        *code = first;
    return worst;
}
