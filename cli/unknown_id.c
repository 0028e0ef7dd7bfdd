/* SPDX-License-Identifier: Apache-2.0 */
/* An id that is not there: which one may be meant? Never taken for it silently. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* The best of the ids seen so far. */
struct search {
    opa_text wanted;
    char *word; /* the same as a string */
    int64_t beginning;
    size_t least; /* edits of the nearest */
    char first[256], nearest[256];
};

static void keep(char out[256], opa_text id)
{
    memcpy(out, id.data, id.size);
    out[id.size] = '\0';
}

static void look_at(struct search *s, opa_text id)
{
    char word[256];
    if (id.size >= sizeof word || memchr(id.data, '\0', id.size) != NULL)
        return;
    if (id.size > s->wanted.size && memcmp(id.data, s->wanted.data, s->wanted.size) == 0 && s->beginning++ == 0)
        keep(s->first, id);
    keep(word, id);
    const size_t edits = word_distance(s->word, word);
    if (edits < s->least) {
        s->least = edits;
        keep(s->nearest, id);
    }
}

/* What cannot be read ends the search: it is only a hint. */
static void look_at_all(struct search *s, opa_store *store, const opa_pack *pack)
{
    opa_cursor *cursor = NULL;
    opa_sample sample;
    for (size_t i = 0; pack != NULL && i < opa_pack_count(pack); i++)
        look_at(s, opa_pack_at(pack, i)->id);
    if (store == NULL || opa_store_samples(store, &cursor, OPA_ORDER_KEY) != OPA_OK)
        return;
    while (opa_cursor_next(cursor, &sample) == OPA_OK)
        look_at(s, sample.id);
    opa_cursor_free(cursor);
}

int unknown_id(struct cli *cli, const char *path, opa_store *store, const opa_pack *pack, opa_text id)
{
    enum { SHOWN = 200 };
    struct search s = {.wanted = id, .word = strndup(id.data ? id.data : "", id.size), .least = 4};
    char number[32];
    const int shown = (int)(id.size < SHOWN ? id.size : SHOWN);
    if (id.size < 8)
        s.least = 2;
    if (s.word != NULL && id.size > 0)
        look_at_all(&s, store, pack);
    free(s.word);
    if (s.beginning == 1 || (s.beginning == 0 && s.nearest[0] != '\0'))
        return cli_error(cli, EXIT_NO_INPUT, "%s: no sample '%.*s'; did you mean '%s'?", path, shown, id.data,
                         s.beginning == 1 ? s.first : s.nearest);
    if (s.beginning > 1)
        return cli_error(cli, EXIT_NO_INPUT, "%s: no sample '%.*s'; %s ids begin so, the first is '%s'", path, shown,
                         id.data, thousands(number, s.beginning), s.first);
    return cli_error(cli, EXIT_NO_INPUT, "%s: no sample '%.*s'; 'opapairs ls %s' lists them", path, shown,
                     id.data ? id.data : "", path);
}
