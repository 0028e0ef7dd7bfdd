/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/sample.h>

#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/findings.h"

/* The findings on a report, to those of its record: fields get the report's name in front, and what is about the report
 * as a whole gets it alone. */
static int hand_over(opa_findings *to, const opa_findings *own, const char *report)
{
    char prefix[64];
    const size_t first = to ? to->count : 0;
    snprintf(prefix, sizeof prefix, "%s.", report);
    int status = opa_findings_append(to, own, prefix);
    for (size_t i = first; to && i < to->count && status == OPA_OK; i++) {
        opa_finding *f = &to->items[i];
        if (f->field || f->code == OPA_F_ALIGNMENT_PROOF)
            continue;
        f->field = strdup(f->code == OPA_F_REVISED_DIFFERS ? "revised" : report);
        status = f->field ? OPA_OK : OPA_ENOMEM;
    }
    return status;
}

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
    const int moved = hand_over(findings, &own, sample->report_field ? sample->report_field : "AI_json_report");
    opa_findings_release(&own);
    if (status == OPA_OK && moved != OPA_OK)
        status = opa_fail_memory(ctx);
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
