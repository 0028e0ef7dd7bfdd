/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs/filters.h"

#include "base/context.h"
#include "base/findings.h"
#include "base/utf8.h"
#include "pairs/hunks.h"

bool opa_report_has_sentences(const opa_report *report)
{
    return (report->state == OPA_REPORT_READ || report->state == OPA_REPORT_CUT) && report->count > 0;
}

static const char *const certificate_reasons[OPA_CERTIFICATES] = {
    "filters.certificate: the sample has no report to certify",
    "filters.certificate: exact is not among the recipe's",
    "filters.certificate: repaired is not among the recipe's",
    "filters.certificate: ambiguous is not among the recipe's",
    "filters.certificate: broken is not among the recipe's",
};

const char *opa_filter_sample(const opa_filters *filters, const opa_sample *sample, const opa_assessment *assessment)
{
    const opa_alignment *a = &assessment->alignment;
    if (filters->report_required && !opa_report_has_sentences(&assessment->report))
        return "filters.report: the sample has no report that could be read";
    if (filters->repetition == OPA_REPETITION_LOOP && opa_text_loops(sample->generated))
        return "filters.repetition: the generated response ends in a loop";
    if (filters->repetition == OPA_REPETITION_RELEASED && opa_text_repeats_released(sample->generated))
        return "filters.repetition: the released filter takes the generated response for a loop";
    if (filters->revised_required && opa_text_blank(a->revised))
        return "filters.revised: the sample has no revised text";
    if (filters->unedited_dropped && !a->revised.data)
        return "filters.unedited: the sample has no revised text";
    if (filters->unedited_dropped && opa_text_equal(a->revised, sample->generated))
        return "filters.unedited: the revised text is the generated one";
    return filters->certificates[a->certificate] ? NULL : certificate_reasons[a->certificate];
}

int opa_filter_tokens(opa_response_maker *m)
{
    const double most = m->options->recipe->filters.edit_share_max;
    size_t edited, all;
    if (most < 0)
        return OPA_OK;
    const int status = opa_hunks_count(m, &edited, &all);
    /* Divided, so that a share that is written like the limit (29 of 100, 0.29) is the limit. */
    if (status || all == 0 || (double)edited / (double)all <= most)
        return status;
    if (opa_findings_add(m->findings, OPA_F_FILTERED, 0, NULL,
                         "filters.edit_share_max: %zu of %zu tokens are edited, over the recipe's share of %g", edited,
                         all, most))
        return opa_fail_memory(m->ctx);
    return opa_fail(m->ctx, OPA_ERECORD, "filters.edit_share_max: %zu of %zu tokens are edited", edited, all);
}
