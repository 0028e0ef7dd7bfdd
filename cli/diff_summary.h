/* SPDX-License-Identifier: Apache-2.0 */
/* What a diff begins with: how much differs, and what was compared. */
#ifndef OPAPAIRS_CLI_DIFF_SUMMARY_H
#define OPAPAIRS_CLI_DIFF_SUMMARY_H

#include "diff_out.h"

struct diff_tally {
    int64_t change[3]; /* by enum change */
    int64_t same;
    int64_t kinds[KIND_COUNT];
    struct code_counts left_out; /* samples of a store that neither it, as a pack, nor the pack on the other side has */
};
void diff_tally_add(struct diff_tally *t, const struct difference *d);

void summary_page(struct sheet *out, const struct comparison *c, const struct diff_tally *t);
/* Only what limits the comparison, on stderr. */
void summary_notes(struct cli *cli, const struct comparison *c);

#endif
