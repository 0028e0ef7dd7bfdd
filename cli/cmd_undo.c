/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "moment.h"
#include "source.h"

/* An entry of the log, as far as it is told. */
struct told {
    int64_t sequence, undoes;
    opa_edit_what what;
    char by[64], at[32], why[256];
};

struct undo {
    struct cli *cli;
    const char *by;
    bool dry_run;
    opa_store *store;
    struct told *log; /* of the sample */
    size_t count, capacity;
};

static int note(void *user, const opa_edit *e)
{
    struct undo *u = user;
    if (u->count == u->capacity) {
        const size_t capacity = u->capacity ? u->capacity * 2 : 16;
        struct told *more = realloc(u->log, capacity * sizeof *more);
        if (more == NULL)
            return 1;
        u->log = more;
        u->capacity = capacity;
    }
    struct told *to = &u->log[u->count++];
    *to = (struct told){.sequence = e->sequence, .undoes = e->undoes, .what = e->what};
    text_copy(to->by, sizeof to->by, e->by);
    text_copy(to->at, sizeof to->at, e->at);
    text_copy(to->why, sizeof to->why, e->why);
    return 0;
}

static const struct told *entry(const struct undo *u, int64_t sequence)
{
    for (size_t i = 0; i < u->count; i++) {
        if (u->log[i].sequence == sequence)
            return &u->log[i];
    }
    return NULL;
}

static bool is_taken_back(const struct undo *u, const struct told *t)
{
    for (size_t i = 0; i < u->count; i++) {
        if (u->log[i].undoes == t->sequence)
            return true;
    }
    return false;
}

/* "  taken back   4, revised by anna, 2026-11-25T18:26:03Z: typo" */
static void put_entry(struct sheet *out, const char *label, const struct told *t)
{
    struct wrap w = detail_field(out, label, term_columns());
    wrap_printf(&w, STYLE_PLAIN, "%lld, ", (long long)t->sequence);
    wrap_string(&w, opa_edit_what_name(t->what), STYLE_BOLD);
    if (t->by[0] != '\0')
        wrap_printf(&w, STYLE_PLAIN, " by %s", t->by);
    wrap_printf(&w, STYLE_PLAIN, ", %s", t->at);
    if (t->why[0] != '\0')
        wrap_printf(&w, STYLE_PLAIN, ": %s", t->why);
    wrap_end(&w);
}

/* The undo is the newest of its kind; what is in force is the newest entry that was not taken back. */
static void put_entries(struct undo *u, struct sheet *out)
{
    const struct told *undo = NULL, *force = NULL;
    for (size_t i = 0; i < u->count; i++) {
        if (u->log[i].what == OPA_EDIT_UNDO)
            undo = &u->log[i];
        else if (!is_taken_back(u, &u->log[i]))
            force = &u->log[i];
    }
    const struct told *taken = undo ? entry(u, undo->undoes) : NULL;
    if (taken != NULL)
        put_entry(out, "taken back", taken);
    if (force != NULL)
        put_entry(out, "in force", force);
}

static int say(struct undo *u, const struct moment *before, const struct moment *after)
{
    struct happened what;
    struct sheet sheet = {0};
    struct wrap w = {.sheet = &sheet, .columns = term_columns()};
    wrap_text(&w, after->sample.id, STYLE_BOLD);
    wrap_end(&w);
    put_entries(u, &sheet);
    int result = moments_compare(&what, u->cli, before, after);
    if (result == 0)
        result = moments_page(&sheet, u->cli, &what);
    if (result == 0)
        result = sheet_print(u->cli, &sheet);
    sheet_release(&sheet);
    if (result == 0 && u->dry_run)
        out_printf(u->cli, "nothing is written: this was a dry run\n");
    return result;
}

static int take_back(struct undo *u, opa_text id)
{
    struct cli *cli = u->cli;
    int status = u->dry_run ? opa_store_rehearse(u->store) : OPA_OK;
    if (status == OPA_OK)
        status = opa_store_undo(u->store, id, who(u->by));
    if (status == OPA_ENOENT)
        return cli_error(cli, EXIT_NO_INPUT,
                         "%s: '%s' has no edit to take back: it is as it was imported ('opapairs log %s %s')",
                         cli->args[0], cli->args[1], cli->args[0], cli->args[1]);
    if (status == OPA_OK)
        status = opa_store_log(u->store, id, note, u);
    return status == OPA_OK ? 0 : cli_fail(cli, status, cli->args[0]);
}

static int undo(struct undo *u)
{
    const opa_text id = text_of(u->cli->args[1]);
    struct moment before = {0}, after = {0};
    int result = moment_of(&before, u->cli, u->store, id);
    if (result == 0)
        result = take_back(u, id);
    if (result == 0)
        result = moment_of(&after, u->cli, u->store, id);
    if (result == 0)
        result = say(u, &before, &after);
    moment_release(&before);
    moment_release(&after);
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct undo u = {.cli = cli};
    const struct flag flags[] = {{"by", 0, FLAG_WHO, &u.by}, {"dry-run", 'n', FLAG_SWITCH, &u.dry_run}};
    int go = cli_options(cli, argc, argv, flags, 2);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "a store and an id")) != GO_ON)
        return go;
    int result = store_to_edit(cli, &u.store, cli->args[0]);
    if (result == 0)
        result = undo(&u);
    free(u.log);
    opa_store_free(u.store);
    return result;
}

const struct command cmd_undo = {
    .name = "undo",
    .summary = "take the newest edit of a sample back",
    .help = "Example: opapairs undo set.opa AMBER_32-0d1f6a2b9c3e\n\n"
            "Usage: opapairs undo STORE ID [--by WHO] [-n]\n\n"
            "Takes back the newest edit, exclusion, acceptance or revision by import that was not taken back yet, and\n"
            "says which entry that was and which is in force now. Again, it takes the one before: an undo is no edit,\n"
            "and is not undone but by making the edit anew: with 'edit', or by an import under another file name\n"
            "(a file that was imported says nothing new). Nothing is erased: the undoing stands in the log too.\n\n"
            "  --by WHO       the login name when not given\n"
            "  -n, --dry-run  show what it would do, and do nothing\n\n"
            "Exit: 66 when there is nothing to take back.\n",
    .run = run,
};
