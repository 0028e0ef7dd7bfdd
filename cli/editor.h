/* SPDX-License-Identifier: Apache-2.0 */
/* A text on its way through the person's own editor. */
#ifndef OPAPAIRS_CLI_EDITOR_H
#define OPAPAIRS_CLI_EDITOR_H

#include "cli.h"

/* A file for one text. */
struct draft {
    char *path;
    char *was; /* the file as it was written */
    size_t was_size;
    char *now; /* and as it was read last */
    size_t now_size;
};

/* Write @p text and a line break to a new file in TMPDIR, readable by its owner only; its name ends with @p ending, by
 * which editors know what it is. 0, or an errno. */
int draft_open(struct draft *out, opa_text text, const char *ending);
/* Run VISUAL, EDITOR or vi on it, on the terminal, and wait. False: it failed, @p why says how; the file is as it may
 * be. */
bool draft_edit(const struct draft *d, char *why, size_t why_size);
/* Read the file. 0, or an errno; ENOENT also where the editor removed it. */
int draft_read(struct draft *d);
/* Does it differ from what was written? */
bool draft_changed(const struct draft *d);
/* What was read, without its last line break: editors put one. */
opa_text draft_text(const struct draft *d);
/* Remove the file, unless it is to be kept. */
void draft_close(struct draft *d, bool keep);

#endif
