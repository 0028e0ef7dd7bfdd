/* SPDX-License-Identifier: Apache-2.0 */
#include "editor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the file ---- */

static int make_file(struct draft *d, const char *ending)
{
    const char *folder = getenv("TMPDIR");
    folder = folder != NULL && *folder != '\0' ? folder : "/tmp";
    char *name = NULL;
    size_t size;
    FILE *out = open_memstream(&name, &size);
    if (out == NULL)
        return ENOMEM;
    fprintf(out, "%s/opapairs-XXXXXX%s", folder, ending);
    if (fclose(out) != 0) {
        free(name);
        return ENOMEM;
    }
    d->path = name;
    const int fd = mkstemps(d->path, (int)strlen(ending));
    if (fd < 0) {
        const int reason = errno;
        free(d->path);
        d->path = NULL;
        return reason;
    }
    const bool written = write_all(fd, d->was, d->was_size);
    const int reason = errno;
    return close(fd) == 0 && written ? 0 : written ? errno : reason;
}

int draft_open(struct draft *out, opa_text text, const char *ending)
{
    *out = (struct draft){.was = malloc(text.size + 1), .was_size = text.size + 1};
    if (out->was == NULL)
        return ENOMEM;
    if (text.size > 0)
        memcpy(out->was, text.data, text.size);
    out->was[text.size] = '\n';
    const int failed = make_file(out, ending);
    if (failed)
        draft_close(out, false);
    return failed;
}

int draft_read(struct draft *d)
{
    FILE *f = fopen(d->path, "rb");
    if (f == NULL)
        return errno;
    free(d->now);
    d->now = NULL;
    d->now_size = 0;
    FILE *to = open_memstream(&d->now, &d->now_size);
    char bytes[4096];
    for (size_t n; to != NULL && (n = fread(bytes, 1, sizeof bytes, f)) > 0;)
        fwrite(bytes, 1, n, to);
    int failed = to == NULL ? ENOMEM : ferror(f) ? EIO : ferror(to) ? ENOMEM : 0;
    fclose(f);
    if (to != NULL && fclose(to) != 0)
        failed = ENOMEM;
    return failed;
}

bool draft_changed(const struct draft *d)
{
    return d->now_size != d->was_size || memcmp(d->now, d->was, d->was_size) != 0;
}

opa_text draft_text(const struct draft *d)
{
    const size_t end = d->now_size > 0 && d->now[d->now_size - 1] == '\n' ? d->now_size - 1 : d->now_size;
    return (opa_text){d->now, end};
}

void draft_close(struct draft *d, bool keep)
{
    if (d->path != NULL && !keep)
        unlink(d->path);
    free(d->path);
    free(d->was);
    free(d->now);
    *d = (struct draft){0};
}

/* ---- the editor ---- */

static const char *editor_command(void)
{
    const char *command = getenv("VISUAL");
    if (command == NULL || *command == '\0')
        command = getenv("EDITOR");
    return command != NULL && *command != '\0' ? command : "vi";
}

/* The child: its signals do what they do by default. @p command may have arguments of its own, which the shell takes
 * apart, as git and others have it. */
static void become_editor(const char *command, const char *path)
{
    static const int OURS[] = {SIGINT, SIGQUIT, SIGPIPE, SIGXFSZ};
    char line[4096];
    sigset_t none;
    for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++)
        signal(OURS[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (snprintf(line, sizeof line, "%s \"$@\"", command) < (int)sizeof line)
        execl("/bin/sh", "sh", "-c", line, command, path, (char *)NULL);
    _exit(127);
}

/* Run it to its end. A key that interrupts is for the editor, as system() has it. False: it could not be run. */
static bool run_editor(const char *command, const char *path, int *state)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction interrupt, quit;
    pid_t got = -1;
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    const pid_t child = fork();
    if (child == 0)
        become_editor(command, path);
    while (child > 0 && (got = waitpid(child, state, 0)) < 0 && errno == EINTR)
        ;
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    return child > 0 && got == child;
}

bool draft_edit(const struct draft *d, char *why, size_t why_size)
{
    const char *command = editor_command();
    int state = 0;
    const bool ran = run_editor(command, d->path, &state);
    /* The shell between says 128 and the signal. */
    const int killer = WIFSIGNALED(state)                             ? WTERMSIG(state)
                       : WIFEXITED(state) && WEXITSTATUS(state) > 128 ? WEXITSTATUS(state) - 128
                                                                      : 0;
    if (!ran)
        snprintf(why, why_size, "the editor cannot be run: %s", strerror(errno));
    else if (killer)
        snprintf(why, why_size, "the editor was ended by signal %d", killer);
    else if (WEXITSTATUS(state) == 127)
        snprintf(why, why_size, "no editor '%s': set VISUAL or EDITOR", command);
    else if (WEXITSTATUS(state) != 0)
        snprintf(why, why_size, "the editor failed (exit %d)", WEXITSTATUS(state));
    else
        return true;
    return false;
}
