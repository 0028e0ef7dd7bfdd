/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <string.h>
#include <unistd.h>

static int print_member(struct cli *cli, const char *id, const opa_pack_members *m, bool image)
{
    if (!image) {
        out_bytes(cli, m->json.data, m->json.size);
        if (isatty(STDOUT_FILENO) && m->json.size > 0 && m->json.data[m->json.size - 1] != '\n')
            out_bytes(cli, "\n", 1);
        return EXIT_DONE;
    }
    if (m->image.data == NULL)
        return cli_error(cli, EXIT_NO_INPUT, "%s: a text-only sample: it has no image", id);
    if (isatty(STDOUT_FILENO))
        return cli_usage(cli, "an image is no text for a terminal: send it to a file, as in '> %s.%s'", id,
                         m->extension);
    out_bytes(cli, m->image.data, m->image.size);
    return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    const char *member = "json";
    const struct flag flags[] = {{"member", 0, FLAG_TEXT, &member}};
    int go = cli_options(cli, argc, argv, flags, 1);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "a pack and an id")) != GO_ON)
        return go;
    if (strcmp(member, "json") != 0 && strcmp(member, "image") != 0)
        return cli_usage(cli, "--member: '%s' is neither json nor image", member);
    const char *path = cli->args[0], *id = cli->args[1];
    if (opa_store_probe(path))
        return cli_error(cli, EXIT_DATA, "%s: a store, not a pack; 'opapairs inspect %s %s --jsonl' shows its samples",
                         path, path, id);
    opa_pack *pack;
    int status = opa_pack_open(cli->ctx, &pack, path);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    size_t at;
    opa_pack_members members;
    int result;
    if (!opa_pack_find(pack, &at, text_of(id)))
        result = unknown_id(cli, path, NULL, pack, text_of(id));
    else if ((status = opa_pack_read(pack, &members, at)) != OPA_OK)
        result = cli_fail(cli, status, path);
    else
        result = print_member(cli, id, &members, strcmp(member, "image") == 0);
    opa_pack_free(pack);
    return result;
}

const struct command cmd_cat = {
    .name = "cat",
    .summary = "print one member of a pack",
    .help = "Example: opapairs cat packs/v1 AMBER_32-0d1f6a2b9c3e | jq .pairs\n"
            "         opapairs cat packs/v1 AMBER_32-0d1f6a2b9c3e --member image > AMBER_32.jpg\n\n"
            "Usage: opapairs cat PACK ID [--member json|image]\n\n"
            "Prints the bytes of a sample's member as they stand in the pack, after checking their hash. ID may\n"
            "be the key too.\n\n"
            "  --member json|image  json when not given\n",
    .run = run,
};
