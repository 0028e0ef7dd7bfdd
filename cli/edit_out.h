/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of a text as people read them: [-what went-]{+what came+}, each in its style. */
#ifndef OPAPAIRS_CLI_EDIT_OUT_H
#define OPAPAIRS_CLI_EDIT_OUT_H

#include "sheet.h"

/* How a word diff is put. */
struct words_options {
    opa_context *ctx;
    size_t context; /* columns of unchanged text that stay on each side of an edit; 0: all of it */
};

/* As a page of that width has it. */
struct words_options words_options_for(const struct cli *cli, size_t columns);

/* One edit; either text may be empty. */
void wrap_edit(struct wrap *w, opa_text old, opa_text new);

/* The edits between two texts, in words, on the line that the wrap is at. OPA_OK, or OPA_ENOMEM. */
int wrap_words(struct wrap *w, const struct words_options *options, opa_text old, opa_text new);
/* How many edits there are, or a negative status. */
int words_count(opa_context *ctx, opa_text old, opa_text new);

#endif
