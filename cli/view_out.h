/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of documents that several verbs print. */
#ifndef OPAPAIRS_CLI_VIEW_OUT_H
#define OPAPAIRS_CLI_VIEW_OUT_H

#include "source.h"

/* "id", "source" and "certificate". */
void write_identity(opa_json_writer *w, const struct view *view);
/* {"language":n,"image":n,"anchor":n} */
void write_pairs(opa_json_writer *w, const opa_pair_counts *pairs);
/* "OP107 OP201", each code once, errors first in their colour. */
void print_codes_line(struct cli *cli, const opa_findings *findings);
/* [begin,end] */
void write_span(opa_json_writer *w, opa_span span);

/* Tokens of the hunks, per side. {0}; released with hunk_tokens_release(). */
struct hunk_tokens {
    opa_tokens tokens[2]; /* of the generated and of the revised text, without specials */
    opa_span *spans[2];   /* one for each hunk */
    int64_t kept, deleted, inserted;
};
/* OPA_OK or a status. */
int hunk_tokens_make(struct hunk_tokens *out, opa_encoder *encoder, const struct view *view);
void hunk_tokens_release(struct hunk_tokens *t);
/* Edited tokens of both sides among all tokens of both sides, 0 to 1. */
double edit_share(const struct hunk_tokens *t);
/* The least score that a sentence has; 0: none has one. */
int worst_score(const opa_report *report);

/* For each sentence of the report its place among those that are not Added, -1 for Added ones. NULL: out of memory. The
 * caller frees it. */
int *sentence_indices(const opa_report *report);

#endif
