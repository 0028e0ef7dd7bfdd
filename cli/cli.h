/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of opapairs share beside the frame of both programs. They see the library through its public headers
 * only. */
#ifndef OPAPAIRS_CLI_H
#define OPAPAIRS_CLI_H

#include "program.h"

extern const struct command cmd_cat, cmd_check, cmd_diff, cmd_edit, cmd_exclude, cmd_import, cmd_init, cmd_inspect,
    cmd_log, cmd_ls, cmd_pack, cmd_recipe, cmd_schema, cmd_stats, cmd_tokenize, cmd_undo, cmd_verify;

/* ---- findings (finding_out.c) ---- */

/* One finding on stderr. */
void cli_note_finding(struct cli *cli, const opa_finding *finding);

/* One finding as check --jsonl has it. */
void finding_json(opa_json_writer *w, const opa_finding *finding);
/* "OP101" */
const char *code_text(char out[16], int code);
opa_severity code_severity(int code);
const char *code_name(int code);
/* The codes of a list, sorted, each once, as a JSON array. */
void codes_json(opa_json_writer *w, const opa_findings *findings);
/* Append a copy. False: out of memory. */
bool findings_copy(opa_findings *list, const opa_finding *finding);

/* How often each code came. */
struct code_counts {
    int64_t of[1000];
};
void codes_count(struct code_counts *counts, const opa_findings *findings);

#endif
