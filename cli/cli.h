/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of opapairs share beside the frame of both programs. They see the library through its public headers
 * only. */
#ifndef OPAPAIRS_CLI_H
#define OPAPAIRS_CLI_H

#include "program.h"

extern const struct command cmd_accept, cmd_cat, cmd_check, cmd_diff, cmd_doctor, cmd_edit, cmd_exclude, cmd_import,
    cmd_init, cmd_inspect, cmd_log, cmd_ls, cmd_pack, cmd_recipe, cmd_schema, cmd_stats, cmd_tokenize, cmd_undo,
    cmd_verify;

/* ---- for the completion (list_ids.c) ---- */

/* "opapairs --list-ids STORE|PACK [PREFIX]": the ids that begin so, one a line. EXIT_FINDING when there are too many to
 * choose from: then what was printed is not all. */
extern const struct command cmd_list_ids;

/* ---- helpers ---- */

/* A file with these bytes, at @p path ("-": standard output) whole or not at all. Exit code, or 0. */
int write_file(struct cli *cli, const char *path, const char *bytes, size_t size);
/* Says that there is no such sample, and which may be meant. One of @p store and @p pack is set. Returns the exit code.
 */
int unknown_id(struct cli *cli, const char *path, opa_store *store, const opa_pack *pack, opa_text id);

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
