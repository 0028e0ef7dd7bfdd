/* SPDX-License-Identifier: Apache-2.0 */
/* measure: how much a model makes up, and how much it says. */
#include <string.h>

#include "answers.h"
#include "microworld.h"

static double value_of(const struct measures *m, const struct measure_name *name)
{
    double value;
    memcpy(&value, (const char *)m + name->offset, sizeof value);
    return value;
}

static int print_json(struct cli *cli, opa_json_writer *w, const char *path, const struct measures *m)
{
    opa_json_begin_object(w);
    opa_json_write_key(w, "file");
    opa_json_write_string(w, path);
    opa_json_write_key(w, "answers");
    opa_json_write_integer(w, m->answers);
    for (int i = 0; i < MEASURES; i++) {
        opa_json_write_key(w, measure_names[i].key);
        opa_json_write_number(w, value_of(m, &measure_names[i]));
    }
    opa_json_end_object(w);
    return out_json_line(cli, w);
}

static void print_row(struct cli *cli, const char *path, const struct measures *m)
{
    out_printf(cli, "%5.1f +- %3.1f  %5.1f +- %3.1f  %5.1f  %5.1f  %5.1f  %4.1f  %4.2f  %s\n", m->hal_rate,
               m->hal_rate_error, m->cover, m->cover_error, m->chair, m->chair_i, m->attribute_errors, m->words,
               m->mentions, path);
}

static int measure_file(struct cli *cli, opa_json_writer *w, const char *path)
{
    struct answers answers = {0};
    const int result = answers_read(cli, &answers, path);
    const struct measures m = answers_measure(&answers);
    answers_release(&answers);
    if (result != 0)
        return result;
    if (w != NULL)
        return print_json(cli, w, path, &m);
    print_row(cli, path, &m);
    return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
    bool jsonl = false;
    opa_json_writer *w = NULL;
    const struct flag flags[] = {{"jsonl", 0, FLAG_SWITCH, &jsonl}};
    int go = cli_options(cli, argc, argv, flags, 1);
    if (go != GO_ON || (go = cli_arguments(cli, 1, -1, "files of answers")) != GO_ON)
        return go;
    if (jsonl && opa_json_writer_new(cli->ctx, &w) != OPA_OK)
        return cli_error(cli, EXIT_IO, "out of memory");
    if (!jsonl)
        out_printf(cli, "HalRate        Cover          CHAIR  CHAIRi attr.  words objects\n");
    int result = 0;
    for (int i = 0; i < cli->arg_count && result == 0; i++)
        result = measure_file(cli, w, cli->args[i]);
    opa_json_writer_free(w);
    return result;
}

const struct command cmd_measure = {
    .name = "measure",
    .summary = "how much a model makes up, and how much it says",
    .help =
        "Example: microworld measure base.jsonl opa.jsonl\n\n"
        "Usage: microworld measure [--jsonl] ANSWERS...\n\n"
        "A line a file. HalRate: answers that name an object which is not there; Cover: objects of the scene that\n"
        "are named, both with their standard errors; CHAIR: invented among the objects of an answer, and among all\n"
        "objects (CHAIRi); attr.: wrong colours or places among mentions of what is there; words and objects of an\n"
        "answer. In per cent but the last two.\n\n"
        "  --jsonl  a JSON document a file\n",
    .run = run,
};
