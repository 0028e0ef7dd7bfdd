/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the microworld program. */
#ifndef MICROWORLD_H
#define MICROWORLD_H

#include "program.h"

extern const struct command cmd_scenes, cmd_expert, cmd_measure, cmd_report;

/* What is asked about every picture. */
#define QUESTION_OF_ALL "Describe the picture."

/* @p name in @p dir (NULL: as it is) for writing; NULL: it was said why. */
FILE *create_file(struct cli *cli, const char *dir, const char *name);
/* Closes; @p result, or the exit code of a failed write. */
int close_file(struct cli *cli, FILE *file, const char *name, int result);
/* Puts the writer's document and a line break into the file, and clears the writer. 0 or an exit code. */
int put_json_line(struct cli *cli, FILE *file, const char *name, opa_json_writer *w);

#endif
