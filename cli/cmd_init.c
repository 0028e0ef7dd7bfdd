/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

static int run(struct cli *cli, int argc, char **argv)
{
    int go = cli_options(cli, argc, argv, NULL, 0);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "the path of the new store")) != GO_ON)
        return go;
    const char *path = cli->args[0];
    const int status = opa_store_create(cli->ctx, path);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    out_printf(cli, "%s: an empty store\nnext: opapairs import %s FILE...\n", path, path);
    return EXIT_DONE;
}

const struct command cmd_init = {
    .name = "init",
    .summary = "make an empty store",
    .help = "Example: opapairs init set.opa\n\n"
            "Usage: opapairs init STORE\n\n"
            "Makes STORE, one file that holds samples, images and the log of all edits. An existing empty store\n"
            "is left as it is; anything else at that path is refused (73).\n",
    .run = run,
};
