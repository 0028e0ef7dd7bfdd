/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

static int exclude(struct cli *cli, opa_store *store, const char *why, const char *by)
{
    int result = cli_find_ids(cli, store);
    for (int i = 1; i < cli->arg_count && result == 0; i++) {
        const opa_text id = text_of(cli->args[i]);
        opa_sample sample;
        int status = opa_store_sample(store, &sample, id);
        const bool already = status == OPA_OK && sample.excluded;
        if (status == OPA_OK && !already)
            status = opa_store_set_excluded(store, id, true, why, who(by));
        if (status != OPA_OK)
            result = cli_fail(cli, status, cli->args[0]);
        else
            out_printf(cli, "%s: %s\n", cli->args[i], already ? "excluded already" : "excluded");
    }
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    const char *why = NULL, *by = NULL;
    const struct flag flags[] = {{"why", 0, FLAG_TEXT, &why}, {"by", 0, FLAG_TEXT, &by}};
    int go = cli_options(cli, argc, argv, flags, 2);
    if (go != GO_ON || (go = cli_arguments(cli, 2, -1, "a store and at least one id")) != GO_ON)
        return go;
    if (why == NULL || *why == '\0')
        return cli_usage(cli, "say why, for those who come after: --why TEXT");
    if (!text_is_utf8(text_of(why)) || (by != NULL && !text_is_utf8(text_of(by))))
        return cli_usage(cli, "--why and --by must be UTF-8");
    opa_store *store;
    const int status = opa_store_open(cli->ctx, &store, cli->args[0]);
    if (status != OPA_OK)
        return cli_fail(cli, status, cli->args[0]);
    const int result = exclude(cli, store, why, by);
    opa_store_free(store);
    return result;
}

const struct command cmd_exclude = {
    .name = "exclude",
    .summary = "keep samples in the store, but out of the packs",
    .help = "Example: opapairs exclude set.opa AMBER_32-0d1f6a2b9c3e --why 'the picture shows a person' --by anna\n\n"
            "Usage: opapairs exclude STORE ID... --why TEXT [--by WHO]\n\n"
            "'opapairs undo STORE ID' takes it back.\n\n"
            "  --why TEXT  stands in the log\n"
            "  --by WHO    the login name when not given\n",
    .run = run,
};
