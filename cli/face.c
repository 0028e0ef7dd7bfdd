/* SPDX-License-Identifier: Apache-2.0 */
#include "face.h"

int face_make(struct face *out, opa_context *ctx, const opa_sample *sample, opa_align_options options)
{
    *out = (struct face){.sample = sample, .revised = sample->revised, .ground_truth = sample->ground_truth};
    options.keep_revised |= sample->revised_by_hand;
    const int status = opa_assess(ctx, &out->assessment, sample, &options, &out->findings);
    if (status == OPA_OK)
        out->revised = out->assessment.alignment.revised;
    /* An edit script that could not be proved is a finding; the stored text is there all the same. */
    if (status == OPA_OK || status == OPA_ERECORD)
        return OPA_OK;
    face_release(out);
    return status;
}

int face_check(struct face *face, opa_checker *checker)
{
    return opa_checker_sample(checker, face->sample, &face->assessment, &face->findings);
}

void face_release(struct face *face)
{
    opa_assessment_release(&face->assessment);
    opa_findings_release(&face->findings);
}
