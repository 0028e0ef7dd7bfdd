/* SPDX-License-Identifier: Apache-2.0 */
/* The document of inspect --jsonl, see schemas/inspect.schema.json. */
#ifndef OPAPAIRS_CLI_INSPECT_JSON_H
#define OPAPAIRS_CLI_INSPECT_JSON_H

#include "view_out.h"

/* False: out of memory. */
bool inspect_json(opa_json_writer *w, const struct view *view, const struct hunk_tokens *tokens);

#endif
