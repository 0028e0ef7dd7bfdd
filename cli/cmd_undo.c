/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

static int run(struct cli *cli, int argc, char **argv)
{
    const char *by = NULL;
    const struct flag flags[] = {{"by", 0, FLAG_TEXT, &by}};
    int go = cli_options(cli, argc, argv, flags, 1);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "a store and an id")) != GO_ON)
        return go;
    if (by != NULL && !text_is_utf8(text_of(by)))
        return cli_usage(cli, "--by: not UTF-8");
    const char *path = cli->args[0];
    const opa_text id = text_of(cli->args[1]);
    opa_store *store;
    int status = opa_store_open(cli->ctx, &store, path);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    opa_sample sample;
    int result = EXIT_DONE;
    status = opa_store_sample(store, &sample, id);
    if (status == OPA_ENOENT) {
        result =
            cli_error(cli, EXIT_NO_INPUT, "%s: no sample '%s'; 'opapairs ls %s' lists them", path, cli->args[1], path);
    } else {
        if (status == OPA_OK)
            status = opa_store_undo(store, id, who(by));
        if (status == OPA_ENOENT)
            result = cli_error(cli, EXIT_NO_INPUT, "%s: '%s' has no edit to take back", path, cli->args[1]);
        else if (status != OPA_OK)
            result = cli_fail(cli, status, path);
        else
            out_printf(cli, "%s: the newest edit is taken back; 'opapairs log %s %s' shows all\n", cli->args[1], path,
                       cli->args[1]);
    }
    opa_store_free(store);
    return result;
}

const struct command cmd_undo = {
    .name = "undo",
    .summary = "take the newest edit of a sample back",
    .help = "Example: opapairs undo set.opa AMBER_32-0d1f6a2b9c3e\n\n"
            "Usage: opapairs undo STORE ID [--by WHO]\n\n"
            "Takes back the newest edit, exclusion or revision by import that was not taken back yet; again, the\n"
            "one before. Nothing is erased: the undoing stands in the log too.\n\n"
            "  --by WHO  the login name when not given\n",
    .run = run,
};
