/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the verbs write. */
#ifndef MICROWORLD_FILES_H
#define MICROWORLD_FILES_H

#include "program.h"

/* @p name in @p dir (NULL: as it is) for writing; NULL: it was said why. */
FILE *create_file(struct cli *cli, const char *dir, const char *name);
/* Closes; @p result, or the exit code of a failed write. */
int close_file(struct cli *cli, FILE *file, const char *name, int result);

#endif
