/* SPDX-License-Identifier: Apache-2.0 */
/* The audit view of one sample, for people. */
#ifndef OPAPAIRS_CLI_INSPECT_PLAIN_H
#define OPAPAIRS_CLI_INSPECT_PLAIN_H

#include "view_out.h"

void inspect_plain(struct cli *cli, const struct view *view, const struct hunk_tokens *tokens, const char *token_kind);

#endif
