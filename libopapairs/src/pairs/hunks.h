/* SPDX-License-Identifier: Apache-2.0 */
/** @file hunks.h
 *  The edit script as a response's tokens see it. Which token is edited is opa_align_tokens()' to say.
 */
#ifndef OPA_PAIRS_HUNKS_H
#define OPA_PAIRS_HUNKS_H

#include "pairs/response.h"

/** Overwrite those of *out's weights that the recipe takes from the edit script; without a script nothing happens.
 * m->tokens are the tokens of out->text, which is one side of the script. */
int opa_hunks_weigh(opa_response_maker *m, opa_response *out, bool revised_side);

/** Tokens of both sides in edited hunks, and all tokens of both sides, EOS not among them; 0 and 0 without a script.
 * m->tokens is used up. */
int opa_hunks_count(opa_response_maker *m, size_t *edited, size_t *all);

#endif
