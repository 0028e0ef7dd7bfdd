/* SPDX-License-Identifier: Apache-2.0 */
/* Long text on a terminal goes through a pager, text that fits does not. */
#ifndef OPAPAIRS_CLI_PAGER_H
#define OPAPAIRS_CLI_PAGER_H

#include <sys/types.h>

#include "sheet.h"

/* Begin with pager_begin(), end with pager_end(), print with pager_print() between them. */
struct pager {
    struct cli *cli;
    size_t rows;       /* of the terminal; 0: nothing is held back any more */
    struct sheet held; /* fits so far */
    pid_t child;       /* the running pager, or 0 */
    int terminal;      /* standard output as it was */
};

/* @p wanted and a terminal: hold text back until it is more than a screen, then send all to $PAGER, less when that is
 * not set, with LESS=FRX unless LESS is set. "cat" and an empty PAGER mean none. A pager that is not there is a note
 * on stderr, and the text is printed as it is. */
void pager_begin(struct pager *out, struct cli *cli, bool wanted);
/* An exit code, or 0. That the reader quit early is no failure: out_alive() says so. */
int pager_print(struct pager *p, const struct sheet *page);
/* Print what is held back, or wait until the pager is closed. */
int pager_end(struct pager *p);

#endif
