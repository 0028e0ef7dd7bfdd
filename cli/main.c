/* SPDX-License-Identifier: Apache-2.0 */
/* The opapairs program: finds the verb, and answers for what standard output did in the end. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "term.h"

/* In the order in which they are used. */
const struct command *const commands[] = {
    &cmd_init, &cmd_import, &cmd_check,    &cmd_stats,  &cmd_ls,   &cmd_inspect, &cmd_diff,
    &cmd_edit, &cmd_accept, &cmd_exclude,  &cmd_log,    &cmd_undo, &cmd_pack,    &cmd_verify,
    &cmd_cat,  &cmd_recipe, &cmd_tokenize, &cmd_schema, NULL,
};

static int print_help(struct cli *cli)
{
    out_printf(cli,
               "Example: opapairs init set.opa && opapairs import set.opa rollouts/*.json && opapairs check set.opa\n"
               "         opapairs pack set.opa -o packs/v1 --tokenizer llava-1.5-7b-hf/ && opapairs verify packs/v1\n\n"
               "Usage: opapairs VERB [ARGUMENTS]\n\n"
               "Rollouts and expert corrections in, certified edits and verified packs of preference pairs out.\n\n");
    for (const struct command *const *c = commands; *c != NULL; c++)
        out_printf(cli, "  %-9s %s\n", (*c)->name, (*c)->summary);
    out_printf(
        cli,
        "\n'opapairs VERB --help' explains a verb. Every verb knows:\n\n"
        "  -h, --help    the verb's help\n"
        "  --color WHEN  always, never or auto (when not given); auto is on a terminal\n"
        "  --version     in place of a verb: the versions of this program and of what it is linked with\n\n"
        "Environment:\n"
        "  NO_COLOR, TERM          no colour when the one is set or the other is dumb, unless --color asks for it\n"
        "  COLUMNS, LINES          the size of the output; else the terminal's, or 100 columns\n"
        "  COLORTERM               truecolor or 24bit when the terminal has such colours: images are shown in them\n"
        "  PAGER, PATH, LESS       the pager, less when not set, and its options, FRX when not set; cat is none\n"
        "  VISUAL, EDITOR, TMPDIR  the editor of inspect -i, vi when not set, and where its drafts lie, /tmp when not "
        "set\n"
        "  LC_ALL, LC_CTYPE, LANG  the first that is set says whether the terminal shows UTF-8\n"
        "  LOGNAME, USER           who edits, when --by is not given\n\n"
        "Exit: 0 done, 1 done and something is to be said, 2 usage, 65 bad data, 66 no such input, 69 not built in,\n"
        "73 cannot create the output, 74 I/O error, 75 the store is busy.\n");
    return EXIT_DONE;
}

static int print_version(struct cli *cli)
{
    out_printf(cli, "opapairs %s\n%s", OPA_VERSION, opa_versions());
    return EXIT_DONE;
}

static int unknown_verb(struct cli *cli, const char *word)
{
    const char *names[32] = {NULL};
    for (size_t i = 0; commands[i] != NULL; i++)
        names[i] = commands[i]->name;
    const char *near = cli_nearest(word, names);
    return near ? cli_usage(cli, "no verb '%s'; did you mean '%s'?", word, near) : cli_usage(cli, "no verb '%s'", word);
}

static int run(struct cli *cli, int argc, char **argv)
{
    if (argc < 2)
        return cli_usage(cli, "say what to do");
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (strcmp(word, "help") == 0 && argc == 2))
        return print_help(cli);
    if (strcmp(word, "--version") == 0)
        return print_version(cli);
    if (strcmp(word, "--list-ids") == 0)
        return list_ids(cli, argc - 2, argv + 2);
    const bool help = strcmp(word, "help") == 0;
    if (help)
        word = argv[2];
    for (const struct command *const *c = commands; *c != NULL; c++) {
        if (strcmp((*c)->name, word) != 0)
            continue;
        cli->command = *c;
        if (help) {
            out_printf(cli, "%s", (*c)->help);
            return EXIT_DONE;
        }
        return (*c)->run(cli, argc - 1, argv + 1);
    }
    return word[0] == '-' ? cli_usage(cli, "unknown option '%s'; a verb comes first", word) : unknown_verb(cli, word);
}

/* A file that is opened later must not get the number of a closed standard stream. */
static void reserve_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return;
    }
}

/* The reader of a pipe that went away is no failure; a full disk is. */
static int close_output(struct cli *cli, int result)
{
    if (fclose(stdout) != 0 && cli->out_errno == 0)
        cli->out_errno = errno;
    if (cli->out_errno == 0)
        return result;
    if (cli->out_errno == EPIPE)
        return EXIT_DONE;
    return cli_error(cli, EXIT_IO, "standard output: %s", strerror(cli->out_errno));
}

int main(int argc, char **argv)
{
    reserve_standard_streams();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is an error of write(), not a death */
    struct cli cli = {.color_out = term_wants_color(STDOUT_FILENO), .color_err = term_wants_color(STDERR_FILENO)};
    if (opa_context_new(&cli.ctx) != OPA_OK)
        return cli_error(&cli, EXIT_IO, "out of memory");
    int result = run(&cli, argc, argv);
    progress_clear(&cli);
    result = close_output(&cli, result);
    opa_context_free(cli.ctx);
    return result;
}
