/* SPDX-License-Identifier: Apache-2.0 */
/* The sample that is looked at, in the reviewer's editor, until the store has what they made of it or they give up. */
#ifndef OPAPAIRS_CLI_REVIEW_EDIT_H
#define OPAPAIRS_CLI_REVIEW_EDIT_H

#include "review_desk.h"

/* The revised text in force; the generated one where there is none. */
void review_edit_revised(struct desk *d);
/* The expert's report, as JSON in lines. */
void review_edit_report(struct desk *d);

#endif
