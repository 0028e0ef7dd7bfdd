/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

struct accept {
    struct cli *cli;
    opa_store *store;
    const char *why, *by;
};

/* All ids are known before the first one is accepted. */
static int find_all(struct cli *cli, opa_store *store)
{
    int result = 0;
    for (int i = 1; i < cli->arg_count; i++) {
        opa_sample sample;
        const int status = opa_store_sample(store, &sample, text_of(cli->args[i]));
        if (status == OPA_ENOENT)
            result = unknown_id(cli, cli->args[0], store, NULL, text_of(cli->args[i]));
        else if (status != OPA_OK)
            return cli_fail(cli, status, cli->args[0]);
    }
    return result;
}

static int accept_one(struct accept *a, const char *id)
{
    struct cli *cli = a->cli;
    opa_sample sample;
    int status = opa_store_sample(a->store, &sample, text_of(id));
    if (status == OPA_OK && sample.excluded)
        return cli_error(cli, EXIT_FINDING, "%s: excluded, so not accepted; 'opapairs undo %s %s' takes that back", id,
                         cli->args[0], id);
    const bool already = status == OPA_OK && sample.review == OPA_REVIEW_ACCEPTED;
    if (status == OPA_OK && !already)
        status = opa_store_accept(a->store, text_of(id), a->why, who(a->by));
    if (status != OPA_OK)
        return cli_fail(cli, status, cli->args[0]);
    out_printf(cli, "%s: %s\n", id, already ? "accepted already" : "accepted");
    return 0;
}

static int accept_all(struct accept *a)
{
    int worst = find_all(a->cli, a->store);
    if (worst != 0)
        return worst;
    for (int i = 1; i < a->cli->arg_count && (worst == 0 || worst == EXIT_FINDING); i++) {
        const int result = accept_one(a, a->cli->args[i]);
        worst = result != 0 ? result : worst;
    }
    return worst;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct accept a = {.cli = cli};
    const struct flag flags[] = {{"why", 0, FLAG_TEXT, &a.why}, {"by", 0, FLAG_WHO, &a.by}};
    int go = cli_options(cli, argc, argv, flags, 2);
    if (go != GO_ON || (go = cli_arguments(cli, 2, -1, "a store and at least one id")) != GO_ON)
        return go;
    if (a.why != NULL && !text_is_utf8(text_of(a.why)))
        return cli_usage(cli, "--why must be UTF-8");
    int result = store_to_edit(cli, &a.store, cli->args[0]);
    if (result != 0)
        return result;
    result = accept_all(&a);
    opa_store_free(a.store);
    return result;
}

const struct command cmd_accept = {
    .name = "accept",
    .summary = "note that a person looked at samples and accepts them",
    .help = "Example: opapairs accept set.opa AMBER_32-0d1f6a2b9c3e --by anna\n\n"
            "Usage: opapairs accept STORE ID... [--why TEXT] [--by WHO]\n\n"
            "Changes no text and no pack: the log then says who looked, and when. What comes after it, an edit or\n"
            "another import, is to be looked at again. 'opapairs undo STORE ID' takes it back, 'opapairs inspect -i'\n"
            "does the same with the sample on the screen. Excluded samples are not accepted (exit 1).\n\n"
            "  --why TEXT  stands in the log\n"
            "  --by WHO    the login name when not given\n",
    .run = run,
};
