/* SPDX-License-Identifier: Apache-2.0 */
/* A sample as it is seen at one time, or on one side: with the texts in force. */
#ifndef OPAPAIRS_CLI_FACE_H
#define OPAPAIRS_CLI_FACE_H

#include "cli.h"

struct face {
    const opa_sample *sample;
    opa_assessment assessment; /* of a store's sample; {0} for a pack's */
    opa_findings findings;     /* what follows from a store's sample */
    opa_text revised;          /* in force; data NULL: none */
    opa_text ground_truth;
};

/* Of a store's sample, which must outlive the face. @p options: of the recipe, or the defaults. OPA_OK, or a status. */
int face_make(struct face *out, opa_context *ctx, const opa_sample *sample, opa_align_options options);
/* Add the findings that follow from its texts, as check has them. OPA_OK or a status. */
int face_check(struct face *face, opa_checker *checker);
void face_release(struct face *face);

#endif
