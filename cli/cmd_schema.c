/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "schemas.h"

#include <string.h>

static int list(struct cli *cli)
{
    for (size_t i = 0; i < schema_count; i++)
        out_printf(cli, "%s\n", schemas[i].name);
    return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    int go = cli_options(cli, argc, argv, NULL, 0);
    if (go != GO_ON || (go = cli_arguments(cli, 0, 1, "at most one name")) != GO_ON)
        return go;
    if (cli->arg_count == 0)
        return list(cli);
    const char *names[64] = {NULL};
    for (size_t i = 0; i < schema_count && i < 63; i++) {
        names[i] = schemas[i].name;
        if (strcmp(schemas[i].name, cli->args[0]) == 0) {
            out_bytes(cli, schemas[i].json, schemas[i].size);
            return EXIT_DONE;
        }
    }
    const char *near = cli_nearest(cli->args[0], names);
    return cli_error(cli, EXIT_NO_INPUT, "no schema '%s'%s%s%s; 'opapairs schema' lists them", cli->args[0],
                     near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

const struct command cmd_schema = {
    .name = "schema",
    .summary = "list the JSON Schemas of all documents, or print one",
    .help = "Example: opapairs schema recipe\n\n"
            "Usage: opapairs schema [NAME]\n\n"
            "Schemas (draft 2020-12) of every document that goes in or comes out.\n",
    .run = run,
};
