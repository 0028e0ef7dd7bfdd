/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a verb reads beside its store, of which each may be "-": standard input. Each returns an exit code, or 0.
 */
#ifndef OPAPAIRS_CLI_INPUTS_H
#define OPAPAIRS_CLI_INPUTS_H

#include "cli.h"

/* A built-in recipe, a file, or "-"; NULL: the default. */
int recipe_open(struct cli *cli, opa_recipe **out, const char *name);
/* A tokenizer's file, a checkpoint's folder, or "-", which has no tokenizer_config.json beside it. */
int tokenizer_open(struct cli *cli, opa_tokenizer **out, const char *path);

#endif
