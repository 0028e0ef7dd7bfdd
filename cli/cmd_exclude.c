/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <stdlib.h>
#include <string.h>

#include "term.h"

/* One sample to exclude; its id is owned. */
struct chosen {
    char *id;
    size_t size;
    bool already;
};

/* All are known before the first one is excluded. */
struct exclude {
    struct cli *cli;
    struct source source;
    struct filter filter;
    const char *why, *by;
    bool dry_run;
    struct chosen *chosen;
    size_t count, capacity;
};

/* Was it named before? Only ids of the command line come twice, and those are few. */
static bool is_chosen(const struct exclude *e, opa_text id)
{
    for (size_t i = 0; i < e->count; i++) {
        if (text_equal((opa_text){e->chosen[i].id, e->chosen[i].size}, id))
            return true;
    }
    return false;
}

static int take(void *user, struct view *v)
{
    struct exclude *e = user;
    const opa_text id = v->sample.id;
    if (e->cli->arg_count > 2 && is_chosen(e, id))
        return 0;
    if (e->count == e->capacity) {
        const size_t capacity = e->capacity ? e->capacity * 2 : 64;
        struct chosen *more = realloc(e->chosen, capacity * sizeof *more);
        if (more == NULL)
            return cli_error(e->cli, EXIT_IO, "out of memory");
        e->chosen = more;
        e->capacity = capacity;
    }
    char *copy = malloc(id.size + 1);
    if (copy == NULL)
        return cli_error(e->cli, EXIT_IO, "out of memory");
    memcpy(copy, id.data, id.size);
    e->chosen[e->count++] = (struct chosen){copy, id.size, v->sample.excluded};
    return 0;
}

static void report(struct exclude *e)
{
    size_t already = 0;
    char changed[32], all[32];
    for (size_t i = 0; i < e->count && out_alive(e->cli); i++) {
        const struct chosen *c = &e->chosen[i];
        already += c->already;
        out_visible(e->cli, (opa_text){c->id, c->size}, 0);
        out_printf(e->cli, ": %s\n", c->already ? "excluded already" : e->dry_run ? "would be excluded" : "excluded");
    }
    if (filter_selects(&e->filter))
        cli_note(e->cli, "%s of %s samples %s", thousands(changed, (int64_t)(e->count - already)),
                 thousands(all, source_count(&e->source)), e->dry_run ? "would be excluded" : "excluded");
}

static int apply(struct exclude *e)
{
    opa_text *ids = calloc(e->count + 1, sizeof *ids);
    if (ids == NULL)
        return cli_error(e->cli, EXIT_IO, "out of memory");
    for (size_t i = 0; i < e->count; i++)
        ids[i] = (opa_text){e->chosen[i].id, e->chosen[i].size};
    const int status = opa_store_set_all_excluded(e->source.store, ids, e->count, true, e->why, who(e->by));
    free(ids);
    return status == OPA_OK ? 0 : cli_fail(e->cli, status, e->source.path);
}

/* What is chosen by what it is like may be more than was meant; what is named is not. */
static int refuse_all(struct exclude *e)
{
    const bool named = e->cli->arg_count > 1 || e->filter.ids != NULL;
    if (named || e->count == 0 || (int64_t)e->count < source_count(&e->source))
        return 0;
    return cli_usage(e->cli, "all %zu samples of %s would be excluded; if that is meant, name them: --ids FILE",
                     e->count, e->source.path);
}

static int exclude(struct exclude *e)
{
    int result = filter_wants_checker(&e->filter) ? source_note_all(&e->source) : 0;
    if (result == 0)
        result = filter_each(&e->filter, &e->source, e->cli->args + 1, e->cli->arg_count - 1, "exclude", take, e);
    if (result == 0)
        result = refuse_all(e);
    if (result != 0)
        return result;
    if (!e->dry_run && (result = apply(e)) != 0)
        return result;
    report(e);
    return 0;
}

static int open_and_exclude(struct exclude *e)
{
    int result = source_open(&e->source, e->cli, e->cli->args[0]);
    if (result != 0)
        return result;
    if (e->source.store == NULL)
        result = cli_error(e->cli, EXIT_DATA, "%s: a pack cannot be changed; exclude from its store, and pack again",
                           e->source.path);
    if (result == 0)
        result = exclude(e);
    for (size_t i = 0; i < e->count; i++)
        free(e->chosen[i].id);
    free(e->chosen);
    source_close(&e->source);
    return result;
}

static int check_options(struct exclude *e)
{
    struct cli *cli = e->cli;
    int result = filter_prepare(&e->filter, cli);
    if (result != 0)
        return result;
    if (cli->arg_count < 2 && !filter_selects(&e->filter))
        return cli_usage(cli, "say which samples: ids, or an option such as --only or --code");
    if (!e->dry_run && (e->why == NULL || *e->why == '\0'))
        return cli_usage(cli, "say why, for those who come after: --why TEXT");
    if (e->why && !text_is_utf8(text_of(e->why)))
        return cli_usage(cli, "--why must be UTF-8");
    return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct exclude e = {.cli = cli, .filter = FILTER_INIT};
    struct flag flags[3 + FILTER_FLAGS] = {
        {"why", 0, FLAG_TEXT, &e.why}, {"by", 0, FLAG_WHO, &e.by}, {"dry-run", 'n', FLAG_SWITCH, &e.dry_run}};
    filter_flags(flags + 3, &e.filter);
    int go = cli_options(cli, argc, argv, flags, 3 + FILTER_FLAGS);
    if (go != GO_ON || (go = cli_arguments(cli, 1, -1, "a store, and ids or options that say which samples")) != GO_ON)
        return go;
    int result = check_options(&e);
    if (result == 0)
        result = open_and_exclude(&e);
    filter_release(&e.filter);
    return result;
}

const struct command cmd_exclude = {
    .name = "exclude",
    .summary = "keep samples in the store, but out of the packs",
    .help = "Example: opapairs exclude set.opa AMBER_32-0d1f6a2b9c3e --why 'the picture shows a person' --by anna\n"
            "         opapairs exclude set.opa --only broken --code OP104 --why 'no place' --dry-run\n\n"
            "Usage: opapairs exclude STORE [ID...] --why TEXT [--by WHO] [-n]\n" FILTER_USAGE "\n"
            "The samples with these ids, those that pass the filters, or those of the ids that do: all of them\n"
            "or, when something fails, none. Filters that would exclude every sample are refused.\n"
            "'opapairs undo STORE ID' takes one back.\n\n"
            "  --why TEXT        stands in the log\n"
            "  --by WHO          the login name when not given\n"
            "  -n, --dry-run     say which samples it would be, and change nothing\n\n" FILTER_HELP,
    .run = run,
};
