/* SPDX-License-Identifier: Apache-2.0 */
/* One difference between two sides, as a document and for people. */
#ifndef OPAPAIRS_CLI_DIFF_OUT_H
#define OPAPAIRS_CLI_DIFF_OUT_H

#include "compare.h"
#include "edit_out.h"

enum change { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_CHANGED };
extern const char *const CHANGE_NAMES[];

/* faces are those of a change, NULL for what is only on one side. */
struct difference {
    opa_text id;
    enum change change;
    unsigned fields, kinds;
    struct left_out why; /* the side that lacks the sample left it out */
    const struct face *faces;
};

/* A line of diff --jsonl. An exit code, or 0. */
int diff_json(struct cli *cli, opa_json_writer *w, const struct difference *d);
/* "re-edited, re-scored" */
void wrap_kinds(struct wrap *w, unsigned kinds);
/* "  label       " and the wrap that its text goes to; end it with wrap_end(). */
struct wrap detail_field(struct sheet *out, const char *label, size_t columns);
/* What changed of a sample, below its heading. OPA_OK, or OPA_ENOMEM. */
int diff_detail(struct sheet *out, const struct words_options *words, size_t columns, const struct difference *d);

#endif
