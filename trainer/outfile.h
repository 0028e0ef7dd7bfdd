/* SPDX-License-Identifier: Apache-2.0 */
/** @file outfile.h
 *  A JSON Lines output that a killed run goes on with. Lines are written as they come; beside the file stands FILE.resume
 *  with everything that the lines depend on, until the run is done. A later run with the same settings cuts a torn last
 *  line and goes on behind the last whole one; with other settings it refuses, unless no whole line would be lost. One run
 *  at a time writes. What is no regular file (/dev/null, a named pipe) is written as it is, and nothing stands beside it.
 */
#ifndef OPATRAIN_OUTFILE_H
#define OPATRAIN_OUTFILE_H

#include <stdio.h>

#include "trainer.h"

struct outfile {
    FILE *file;
    char *path, *resume; /**< resume: NULL beside what is no regular file */
    int lock;            /**< -1: none */
    char **ids;          /**< of the lines that are there already, in order */
    size_t id_count;
    bool written; /**< there is a whole line, of this run or an earlier one */
};

/** Open @p path. @p settings is text, one "name: value" a line.
 *  OPA_ECREATE: cannot be made, or was begun with other settings (the message names the first that differs); OPA_EBUSY:
 *  another run writes there; OPA_EIO. */
int outfile_open(struct trainer *t, struct outfile *out, const char *path, const char *settings);
/** Write a line (a line break is added) and pass it on to the system. OPA_EIO. */
int outfile_line(struct trainer *t, struct outfile *out, opa_text line);
/** The run is done: close, remove FILE.resume. OPA_EIO. */
int outfile_finish(struct trainer *t, struct outfile *out);
/** Close and keep what is needed to go on: nothing, where no line was written. */
void outfile_release(struct outfile *out);

#endif
