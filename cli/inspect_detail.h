/* SPDX-License-Identifier: Apache-2.0 */
/* The audit view of one sample, for people: what the expert changed, where, and why. */
#ifndef OPAPAIRS_CLI_INSPECT_DETAIL_H
#define OPAPAIRS_CLI_INSPECT_DETAIL_H

#include "sheet.h"
#include "view_out.h"

/* How the page is made. */
struct detail_options {
    opa_context *ctx;
    size_t columns; /* at least 40 */
    bool wide;      /* the generated text on the left, the revised one on the right; takes 72 columns */
    const char *token_kind;
    const opa_image *picture; /* shown under the head; NULL: none */
};

/* Append the view of one sample to a page. Each sentence, the text outside of all of them and each finding are marked
 * on it. OPA_OK, or OPA_ENOMEM. */
int inspect_detail(struct sheet *out, const struct detail_options *options, const struct view *view,
                   const struct hunk_tokens *tokens);

#endif
