/* SPDX-License-Identifier: Apache-2.0 */
/* From main() to the verb, and back to the exit code. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "term.h"

static int print_help(struct cli *cli)
{
    const struct program *program = cli->program;
    out_printf(cli, "%s", program->head);
    for (const struct command *const *c = program->commands; *c != NULL; c++)
        out_printf(cli, "  %-9s %s\n", (*c)->name, (*c)->summary);
    out_printf(cli, "%s", program->foot);
    return EXIT_DONE;
}

static int print_version(struct cli *cli)
{
    out_printf(cli, "%s %s\n%s", cli->program->name, cli->program->version, cli->program->versions());
    return EXIT_DONE;
}

static int unknown_verb(struct cli *cli, const char *word)
{
    const char *names[32] = {NULL};
    for (size_t i = 0; cli->program->commands[i] != NULL; i++)
        names[i] = cli->program->commands[i]->name;
    const char *near = cli_nearest(word, names);
    return near ? cli_usage(cli, "no verb '%s'; did you mean '%s'?", word, near) : cli_usage(cli, "no verb '%s'", word);
}

/* NULL: @p commands, which may be none, have no such name. */
static const struct command *command_named(const struct command *const *commands, const char *word)
{
    for (const struct command *const *c = commands; c != NULL && *c != NULL; c++) {
        if (strcmp((*c)->name, word) == 0)
            return *c;
    }
    return NULL;
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
    const bool help = strcmp(word, "help") == 0;
    if (help)
        word = argv[2];
    cli->command = command_named(cli->program->commands, word);
    if (cli->command != NULL && help) {
        out_printf(cli, "%s", cli->command->help);
        return EXIT_DONE;
    }
    if (cli->command == NULL && !help)
        cli->command = command_named(cli->program->hidden, word);
    if (cli->command != NULL)
        return cli->command->run(cli, argc - 1, argv + 1);
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
        return result;
    return cli_error(cli, EXIT_IO, "standard output: %s", strerror(cli->out_errno));
}

int program_run(const struct program *program, int argc, char **argv)
{
    reserve_standard_streams();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is an error of write(), not a death */
    struct cli cli = {
        .program = program, .color_out = term_wants_color(STDOUT_FILENO), .color_err = term_wants_color(STDERR_FILENO)};
    if (opa_context_new(&cli.ctx) != OPA_OK)
        return cli_error(&cli, EXIT_IO, "out of memory");
    int result = run(&cli, argc, argv);
    progress_clear(&cli);
    result = close_output(&cli, result);
    opa_context_free(cli.ctx);
    return result;
}
