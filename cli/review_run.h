/* SPDX-License-Identifier: Apache-2.0 */
/* The interactive review: which key does what. */
#ifndef OPAPAIRS_CLI_REVIEW_RUN_H
#define OPAPAIRS_CLI_REVIEW_RUN_H

#include "filter.h"

/* Is there a terminal for it? 0, or the exit code of a message that was printed. To be asked before anything is read. */
int review_terminal(struct cli *cli);
/* Go through the samples that pass, as filter_each() has them. @p by: who reviews, NULL unknown. @p wide: both texts side
 * by side while the terminal has the columns for it. An exit code. */
int review_run(struct source *source, struct filter *filter, char *const *ids, int id_count, const char *by, bool wide);

#endif
