/* SPDX-License-Identifier: Apache-2.0 */
#include "review_screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <termcap.h>

enum { FOOT = 2, NARROWEST = 40, ESCAPE_MS = 50 };
enum { RED = 1, GREEN, YELLOW };

struct screen {
    SCREEN *terminal;
    WINDOW *page; /* a pad: what is wider than the terminal is cut, not wrapped */
    WINDOW *foot;
    WINDOW *keys; /* a pad of one cell: reading from it draws nothing */
    bool color;
    sigset_t before; /* the signal mask */
    struct sigaction interrupt, terminate, hangup;
};

/* Set by signals, which come only while screen_key() waits. */
static volatile sig_atomic_t signalled;

static void note_signal(int number)
{
    signalled = number;
}

/* ---- taking the terminal, and giving it back ---- */

/* The pages are UTF-8, whatever the locale says; ncurses has to know. */
static void use_utf8(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

/* Signals are taken while waiting for a key and at no other time: no decision is cut short. ncurses leaves handlers
 * alone that are there before it. */
static void catch_signals(struct screen *s)
{
    struct sigaction note = {.sa_handler = note_signal};
    sigset_t blocked;
    sigemptyset(&note.sa_mask);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGHUP);
    sigaddset(&blocked, SIGWINCH);
    signalled = 0;
    sigprocmask(SIG_BLOCK, &blocked, &s->before);
    sigaction(SIGINT, &note, &s->interrupt);
    sigaction(SIGTERM, &note, &s->terminate);
    sigaction(SIGHUP, &note, &s->hangup);
}

static void release_signals(struct screen *s)
{
    sigaction(SIGINT, &s->interrupt, NULL);
    sigaction(SIGTERM, &s->terminate, NULL);
    sigaction(SIGHUP, &s->hangup, NULL);
    sigprocmask(SIG_SETMASK, &s->before, NULL);
}

static void make_windows(struct screen *s)
{
    /* Terminals and libraries do not always agree on a character's width: twice the room is enough for any line. */
    const int columns = 2 * (COLS > NARROWEST ? COLS : NARROWEST);
    s->page = newpad(LINES > FOOT ? LINES - FOOT : 1, columns);
    s->foot = newwin(LINES > FOOT ? FOOT : LINES, COLS, LINES > FOOT ? LINES - FOOT : 0, 0);
}

static void drop_windows(struct screen *s)
{
    if (s->page != NULL)
        delwin(s->page);
    if (s->foot != NULL)
        delwin(s->foot);
    s->page = s->foot = NULL;
}

static void set_up(struct screen *s, struct cli *cli)
{
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    set_escdelay(ESCAPE_MS);
    s->color = cli->color_out && has_colors() && start_color() == OK && use_default_colors() == OK;
    if (s->color) {
        init_pair(RED, COLOR_RED, -1);
        init_pair(GREEN, COLOR_GREEN, -1);
        init_pair(YELLOW, COLOR_YELLOW, -1);
    }
    s->keys = newpad(1, 1);
    if (s->keys != NULL) {
        keypad(s->keys, TRUE);
        nodelay(s->keys, TRUE);
    }
    make_windows(s);
}

int screen_open(struct screen **out, struct cli *cli)
{
    const char *term = getenv("TERM");
    *out = NULL;
    /* Asked first: newterm() does not free all that it has when it fails. */
    if (term == NULL || tgetent(NULL, term) != 1)
        return cli_usage(cli, "-i: this system does not know the terminal '%s' (TERM)", term ? term : "");
    struct screen *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL)
        return cli_error(cli, EXIT_IO, "out of memory");
    use_utf8();
    catch_signals(s);
    s->terminal = newterm(NULL, stdout, stdin);
    if (s->terminal != NULL)
        set_up(s, cli);
    if (s->terminal != NULL && s->page != NULL && s->foot != NULL && s->keys != NULL)
        return 0;
    screen_close(s);
    *out = NULL;
    return cli_error(cli, EXIT_IO, "out of memory");
}

void screen_close(struct screen *s)
{
    if (s == NULL)
        return;
    if (s->terminal != NULL) {
        drop_windows(s);
        if (s->keys != NULL)
            delwin(s->keys);
        endwin();
        delscreen(s->terminal);
    }
    release_signals(s);
    free(s);
}

void screen_suspend(struct screen *s)
{
    (void)s;
    endwin();
}

void screen_resume(struct screen *s)
{
    /* Whatever the other program left on the screen, all of it is drawn again. */
    clearok(curscr, TRUE);
    wnoutrefresh(s->foot);
    doupdate();
    curs_set(0);
}

size_t screen_columns(const struct screen *s)
{
    (void)s;
    return COLS > NARROWEST ? (size_t)COLS : NARROWEST;
}

size_t screen_lines(const struct screen *s)
{
    (void)s;
    return LINES > FOOT ? (size_t)(LINES - FOOT) : 1;
}

/* ---- drawing ---- */

static attr_t attribute(const struct screen *s, enum style style)
{
    const bool color = s->color;
    switch (style) {
    case STYLE_BOLD:
        return A_BOLD;
    case STYLE_DIM:
        return A_DIM;
    case STYLE_DELETED:
        return color ? (attr_t)COLOR_PAIR(RED) : A_NORMAL;
    case STYLE_INSERTED:
        return color ? (attr_t)COLOR_PAIR(GREEN) | A_UNDERLINE : A_NORMAL;
    case STYLE_ERROR:
        return A_BOLD | (color ? (attr_t)COLOR_PAIR(RED) : A_NORMAL);
    case STYLE_WARNING:
        return color ? (attr_t)COLOR_PAIR(YELLOW) : A_NORMAL;
    case STYLE_GOOD:
        return color ? (attr_t)COLOR_PAIR(GREEN) : A_NORMAL;
    case STYLE_PLAIN:
    case STYLE_PIXELS:
        break;
    }
    return A_NORMAL;
}

/* A run, from byte to byte of its line. */
static void put_part(WINDOW *w, opa_text line, size_t begin, size_t end, attr_t attributes)
{
    wattrset(w, (int)attributes);
    if (end > begin)
        waddnstr(w, line.data + begin, (int)(end - begin));
}

/* A run, with the marked places in it in reverse. @p mark is the next one of the line, and is moved on. */
static void put_run(WINDOW *w, opa_text line, size_t begin, size_t end, attr_t attributes, const struct needle *marked,
                    opa_span *mark)
{
    while (begin < end) {
        if (mark->end <= begin && (marked == NULL || !needle_find(mark, marked, line, begin)))
            *mark = (opa_span){line.size, line.size + 1};
        const bool inside = mark->begin <= begin;
        size_t to = inside ? mark->end : mark->begin;
        to = to < end ? to : end;
        put_part(w, line, begin, to, inside ? attributes ^ A_REVERSE : attributes);
        begin = to;
    }
}

/* The runs of a line stand one behind the other in the sheet's bytes. */
static void put_line(const struct screen *s, WINDOW *w, int row, const struct sheet *sheet, size_t at, attr_t more,
                     const struct needle *marked)
{
    const struct sheet_run *runs;
    const size_t count = sheet_line(&runs, sheet, at);
    if (count == 0)
        return;
    const size_t begin = runs[0].begin;
    const opa_text line = {sheet->bytes + begin, runs[count - 1].begin + runs[count - 1].size - begin};
    opa_span mark = {0, 0};
    wmove(w, row, 0);
    for (size_t i = 0; i < count; i++)
        put_run(w, line, runs[i].begin - begin, runs[i].begin - begin + runs[i].size,
                attribute(s, runs[i].style) | more, marked, &mark);
    wattrset(w, A_NORMAL);
}

void screen_draw(struct screen *s, const struct sheet *page, size_t top, const struct screen_marks *marks,
                 const struct sheet *foot, ptrdiff_t cursor)
{
    werase(s->page);
    werase(s->foot);
    for (size_t i = 0; i < screen_lines(s) && top + i < page->line_count; i++)
        put_line(s, s->page, (int)i, page, top + i, (ptrdiff_t)(top + i) == marks->line ? A_BOLD : A_NORMAL,
                 marks->needle);
    for (size_t i = 0; i < foot->line_count && i < FOOT; i++)
        put_line(s, s->foot, (int)i, foot, i, i == 0 ? A_REVERSE : A_NORMAL, NULL);
    if (LINES > FOOT)
        pnoutrefresh(s->page, 0, 0, 0, 0, LINES - FOOT - 1, COLS - 1);
    curs_set(cursor >= 0);
    if (cursor >= 0)
        wmove(s->foot, FOOT - 1, cursor < COLS ? (int)cursor : COLS - 1);
    wnoutrefresh(s->foot);
    doupdate();
}

/* ---- keys ---- */

static int special_key(struct screen *s, wint_t code)
{
    switch (code) {
    case KEY_RESIZE:
        drop_windows(s);
        make_windows(s);
        return s->page != NULL && s->foot != NULL ? SCREEN_RESIZED : SCREEN_STOP;
    case KEY_UP:
        return SCREEN_UP;
    case KEY_DOWN:
        return SCREEN_DOWN;
    case KEY_LEFT:
        return SCREEN_LEFT;
    case KEY_RIGHT:
        return SCREEN_RIGHT;
    case KEY_PPAGE:
        return SCREEN_PAGE_UP;
    case KEY_NPAGE:
        return SCREEN_PAGE_DOWN;
    case KEY_HOME:
        return SCREEN_HOME;
    case KEY_END:
        return SCREEN_END;
    case KEY_ENTER:
        return SCREEN_ENTER;
    case KEY_BACKSPACE:
        return SCREEN_BACKSPACE;
    default:
        return SCREEN_OTHER;
    }
}

static int plain_key(wint_t code)
{
    switch (code) {
    case '\r':
    case '\n':
        return SCREEN_ENTER;
    case '\b':
    case 0x7F:
        return SCREEN_BACKSPACE;
    case 0x1B:
        return SCREEN_ESCAPE;
    default:
        return (int)code;
    }
}

/* Until there is something to read, or a signal. False: there will never be. */
static bool wait_for_input(const struct screen *s)
{
    fd_set input;
    FD_ZERO(&input);
    FD_SET(STDIN_FILENO, &input);
    return pselect(STDIN_FILENO + 1, &input, NULL, NULL, NULL, &s->before) >= 0 || errno == EINTR;
}

int screen_key(struct screen *s)
{
    /* The end of the input can be read without end; a sequence of bytes that gives no key cannot. */
    enum { PATIENCE = 64 };
    for (int tries = 0; tries < PATIENCE; tries++) {
        wint_t code;
        const int kind = wget_wch(s->keys, &code);
        if (kind == KEY_CODE_YES)
            return special_key(s, code);
        if (kind == OK)
            return plain_key(code);
        if (!wait_for_input(s))
            return SCREEN_STOP;
        if (signalled != 0) {
            const int number = signalled;
            signalled = 0;
            return number == SIGINT ? SCREEN_INTERRUPTED : SCREEN_STOP;
        }
    }
    return SCREEN_STOP;
}
