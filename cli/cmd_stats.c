/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tally.h"

struct stats {
    struct cli *cli;
    struct source source;
    struct filter filter;
    struct tally tally;
    const char *tokenizer, *svg;
    bool json;
};

static int gather(void *user, struct view *v)
{
    struct stats *st = user;
    return tally_sample(&st->tally, v);
}

/* Findings of records that became no sample count too. */
static void count_lost_records(struct stats *st)
{
    const opa_findings *stored = &st->source.stored;
    for (size_t i = 0; i < stored->count && source_is_orphan(&stored->items[i]); i++) {
        if (stored->items[i].code > 0 && stored->items[i].code < 1000)
            st->tally.codes.of[stored->items[i].code]++;
    }
}

static int count(struct stats *st)
{
    int result = source_note_all(&st->source);
    if (result == 0)
        result = tally_begin(&st->tally, &st->source, &st->filter);
    if (result != 0)
        return result;
    if (!filter_in_force(&st->filter))
        count_lost_records(st);
    result = filter_each(&st->filter, &st->source, NULL, 0, "stats", gather, st);
    return result == 0 ? tally_finish(&st->tally) : result;
}

static int print(struct stats *st)
{
    if (st->svg != NULL) {
        char *svg;
        size_t size;
        int result = tally_draw(&svg, &size, &st->tally);
        if (result == 0)
            result = write_file(st->cli, st->svg, svg, size);
        free(svg);
        if (result != 0 || strcmp(st->svg, "-") == 0)
            return result;
    }
    return st->json ? tally_print_json(&st->tally) : tally_print(&st->tally);
}

static int open_and_count(struct stats *st)
{
    int result = source_open(&st->source, st->cli, st->cli->args[0]);
    if (result != 0)
        return result;
    result = source_tokenizer(&st->source, st->tokenizer);
    if (result == 0)
        result = count(st);
    if (result == 0)
        result = print(st);
    tally_release(&st->tally);
    source_close(&st->source);
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    enum { OWN = 3 };
    struct stats st = {.cli = cli, .filter = FILTER_INIT};
    struct flag flags[OWN + FILTER_FLAGS] = {
        {"json", 0, FLAG_SWITCH, &st.json}, {"svg", 0, FLAG_TEXT, &st.svg}, {"tokenizer", 0, FLAG_TEXT, &st.tokenizer}};
    filter_flags(flags + OWN, &st.filter);
    int go = cli_options(cli, argc, argv, flags, OWN + FILTER_FLAGS);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "a store or a pack")) != GO_ON)
        return go;
    if (st.json && st.svg != NULL && strcmp(st.svg, "-") == 0)
        return cli_usage(cli, "--json and --svg - both want standard output");
    int result = filter_prepare(&st.filter, cli);
    if (result == 0)
        result = open_and_count(&st);
    filter_release(&st.filter);
    return result;
}

const struct command cmd_stats = {
    .name = "stats",
    .summary = "count samples, pairs, scores, error types, corrections, edits, findings and lengths",
    .help =
        "Example: opapairs stats set.opa\n"
        "         opapairs stats packs/v1 --tokenizer llava-1.5-7b-hf/ --json\n"
        "         opapairs stats set.opa --only included --svg stats.svg\n\n"
        "Usage: opapairs stats STORE|PACK [--tokenizer FILE] [--json] [--svg FILE]\n" FILTER_USAGE "\n"
        "Pairs are the ones that the default recipe builds from a store, or that stand in a pack. The share of\n"
        "edited tokens of a sample is that of its generated and its revised text together. Corrections are the\n"
        "objects that reports name (\"dog -> cat\"), whatever their case. Lengths are in tokens, percentiles by\n"
        "nearest rank.\n\n"
        "  --tokenizer FILE  count in the model's tokens (a file or a checkpoint folder); words when not\n"
        "                    given\n"
        "  --json            one JSON document\n"
        "  --svg FILE        draw it as well; - puts the drawing, and nothing else, on standard output\n\n" FILTER_HELP,
    .run = run,
};
