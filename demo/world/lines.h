/* SPDX-License-Identifier: Apache-2.0 */
/* Files of JSON Lines, in and out. */
#ifndef MICROWORLD_LINES_H
#define MICROWORLD_LINES_H

#include "program.h"

/* Calls @p line for each document of a JSON Lines file; what it returns other than 0 ends the reading. 0 or an exit
 * code. */
typedef int (*line_fn)(void *user, const opa_json *doc, int64_t line);
int each_line(struct cli *cli, const char *path, line_fn line, void *user);

/* Puts the writer's document and a line break into the file, and clears the writer. 0 or an exit code. */
int put_json_line(struct cli *cli, FILE *file, const char *name, opa_json_writer *w);

#endif
