/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/sample.h>

#include "base/findings.h"

#define PREFIX "AI_json_report."

int opa_assess(opa_context *ctx, opa_assessment *out, const opa_sample *sample, const opa_align_options *options,
               opa_findings *findings)
{
    const opa_align_options defaults = {.keep_revised = sample->revised_by_hand};
    *out = (opa_assessment){0};
    opa_findings own = {0};
    opa_findings *list = findings ? &own : NULL;
    int status = OPA_OK;
    if (sample->report_expected || sample->report.data)
        status = opa_report_parse(ctx, &out->report, sample->report, list);
    if (status == OPA_OK)
        status = opa_align(ctx, &out->alignment, sample->generated, sample->revised, &out->report,
                           options ? options : &defaults, list);
    /* Also after a failure: they say why. */
    const int moved = opa_findings_append(findings, &own, PREFIX);
    opa_findings_release(&own);
    status = status == OPA_OK ? moved : status;
    if (status != OPA_OK)
        opa_assessment_release(out);
    return status;
}

void opa_assessment_release(opa_assessment *assessment)
{
    if (!assessment)
        return;
    opa_alignment_release(&assessment->alignment);
    opa_report_release(&assessment->report);
    *assessment = (opa_assessment){0};
}
