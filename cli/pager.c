/* SPDX-License-Identifier: Apache-2.0 */
#include "pager.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The command to run, or NULL: none. */
static const char *command_of(void)
{
    const char *pager = getenv("PAGER");
    if (pager == NULL)
        return "less";
    return *pager == '\0' || strcmp(pager, "cat") == 0 ? NULL : pager;
}

static bool is_program(const char *folder, size_t folder_size, const char *name, size_t name_size)
{
    char path[4096];
    const int size = snprintf(path, sizeof path, "%.*s%s%.*s", (int)folder_size, folder, folder_size ? "/" : "",
                              (int)name_size, name);
    return size > 0 && (size_t)size < sizeof path && access(path, X_OK) == 0;
}

/* Is the first word of the command a program? What needs a shell to be read is left to the shell. */
static bool is_there(const char *command)
{
    const size_t size = strcspn(command, " \t");
    if (strcspn(command, "\"'\\$`=;&|<>(){}*?~") < size)
        return true;
    if (memchr(command, '/', size) != NULL)
        return is_program("", 0, command, size);
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; *at != '\0';) {
        const size_t folder = strcspn(at, ":");
        if (is_program(folder ? at : ".", folder ? folder : 1, command, size))
            return true;
        at += folder + (at[folder] == ':');
    }
    return false;
}

void pager_begin(struct pager *out, struct cli *cli, bool wanted)
{
    *out = (struct pager){.cli = cli, .terminal = -1};
    const char *command = command_of();
    if (!wanted || command == NULL || !term_is_smart(STDOUT_FILENO))
        return;
    if (is_there(command))
        out->rows = term_rows();
    else if (getenv("PAGER") != NULL)
        cli_note(cli, "PAGER: there is no program '%s'; --no-pager does without", command);
}

/* In the child: its standard input is the pipe. */
static void run_pager(int from)
{
    dup2(from, STDIN_FILENO);
    close(from);
    if (getenv("LESS") == NULL)
        setenv("LESS", "FRX", 1);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    execl("/bin/sh", "sh", "-c", command_of(), (char *)NULL);
    _exit(127);
}

/* Standard output leads to the pager from now on. False: it could not be started. */
static bool start(struct pager *p)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends) != 0)
        return false;
    /* An interrupt is for the pager. Before the fork: none may come between. */
    signal(SIGINT, SIG_IGN);
    p->child = fork();
    if (p->child == 0) {
        close(ends[1]);
        run_pager(ends[0]);
    }
    close(ends[0]);
    p->terminal = p->child > 0 ? dup(STDOUT_FILENO) : -1;
    const bool connected = p->terminal >= 0 && dup2(ends[1], STDOUT_FILENO) >= 0;
    close(ends[1]);
    if (!connected)
        signal(SIGINT, SIG_DFL);
    return connected;
}

int pager_print(struct pager *p, const struct sheet *page)
{
    if (p->rows == 0)
        return sheet_print(p->cli, page);
    for (size_t i = 0; i < page->line_count; i++) {
        sheet_copy_line(&p->held, page, i);
        sheet_end_line(&p->held);
    }
    /* The prompt of the shell takes a row too. */
    if (p->held.line_count < p->rows && !p->held.failed)
        return page->failed ? sheet_print(p->cli, page) : 0;
    p->rows = 0;
    start(p);
    const int result = sheet_print(p->cli, &p->held);
    sheet_release(&p->held);
    fflush(stdout);
    return result;
}

int pager_end(struct pager *p)
{
    const int result = p->rows > 0 ? sheet_print(p->cli, &p->held) : 0;
    sheet_release(&p->held);
    if (p->terminal >= 0) {
        if (fflush(stdout) != 0 && p->cli->out_errno == 0)
            p->cli->out_errno = errno;
        dup2(p->terminal, STDOUT_FILENO); /* which closes the pipe: the pager sees the end */
        close(p->terminal);
    }
    if (p->child > 0) {
        while (waitpid(p->child, NULL, 0) < 0 && errno == EINTR)
            continue;
        signal(SIGINT, SIG_DFL);
    }
    *p = (struct pager){.cli = p->cli, .terminal = -1};
    return result;
}
