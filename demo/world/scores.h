/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of opatrain score. */
#ifndef MICROWORLD_SCORES_H
#define MICROWORLD_SCORES_H

#include "program.h"

/* Log-probs of one response, EOS last; borrowed for the call. Other than 0 ends the reading: an exit code. */
typedef int (*score_fn)(void *user, opa_text id, const double *logprobs, size_t count);
/* Calls @p fn for each sample that has @p role ("generated", "revised"). 0 or an exit code. */
int each_score(struct cli *cli, const char *path, const char *role, score_fn fn, void *user);

#endif
