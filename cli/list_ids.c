/* SPDX-License-Identifier: Apache-2.0 */
/* The ids that the shell's completion offers. Only ids are looked at: nothing is aligned or checked, so it answers
 * while the user waits for the key to take effect. */
#include "source.h"

#include <string.h>

enum { MOST = 10000 };

struct listing {
    struct cli *cli;
    opa_text prefix;
    int count;
};

/* An exit code, or 0 to go on. */
static int offer(struct listing *l, opa_text id)
{
    if (id.size < l->prefix.size || memcmp(id.data, l->prefix.data, l->prefix.size) != 0 ||
        memchr(id.data, '\n', id.size) != NULL)
        return 0;
    if (l->count++ == MOST)
        return EXIT_FINDING;
    out_bytes(l->cli, id.data, id.size);
    out_bytes(l->cli, "\n", 1);
    return 0;
}

static int offer_pack(struct listing *l, opa_pack *pack)
{
    int result = 0;
    for (size_t i = 0; i < opa_pack_count(pack) && result == 0; i++)
        result = offer(l, opa_pack_at(pack, i)->id);
    return result;
}

static int offer_store(struct listing *l, opa_store *store)
{
    opa_cursor *cursor;
    opa_sample sample;
    int result = 0;
    int status = opa_store_samples(store, &cursor, OPA_ORDER_KEY);
    while (status == OPA_OK && result == 0 && (status = opa_cursor_next(cursor, &sample)) == OPA_OK)
        result = offer(l, sample.id);
    opa_cursor_free(cursor);
    return status == OPA_OK || status == OPA_END ? result : cli_fail(l->cli, status, NULL);
}

static int list_ids(struct cli *cli, int argc, char **argv)
{
    if (argc < 2 || argc > 3)
        return cli_usage(cli, "expected a store or a pack, and how the ids begin");
    struct listing l = {.cli = cli, .prefix = text_of(argc == 3 ? argv[2] : "")};
    struct source s;
    int result = source_open(&s, cli, argv[1]);
    if (result != 0)
        return result;
    result = s.store != NULL ? offer_store(&l, s.store) : offer_pack(&l, s.pack);
    source_close(&s);
    return result;
}

const struct command cmd_list_ids = {.name = "--list-ids", .run = list_ids};
