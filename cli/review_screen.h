/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal while a review has it (ncurses): a page, two lines under it, and keys. */
#ifndef OPAPAIRS_CLI_REVIEW_SCREEN_H
#define OPAPAIRS_CLI_REVIEW_SCREEN_H

#include "find.h"
#include "sheet.h"

struct screen;

/* What screen_key() gives besides characters. */
enum {
    SCREEN_STOP = -32,  /* the terminal is gone, or somebody asked this process to end */
    SCREEN_INTERRUPTED, /* Ctrl-C */
    SCREEN_RESIZED,
    SCREEN_UP,
    SCREEN_DOWN,
    SCREEN_LEFT,
    SCREEN_RIGHT,
    SCREEN_PAGE_UP,
    SCREEN_PAGE_DOWN,
    SCREEN_HOME,
    SCREEN_END,
    SCREEN_ENTER,
    SCREEN_BACKSPACE,
    SCREEN_ESCAPE,
    SCREEN_OTHER,
};

/* Take the terminal. An exit code (the message is printed), or 0. */
int screen_open(struct screen **out, struct cli *cli);
/* Give it back as it was. */
void screen_close(struct screen *s);
/* Lend it to another program, and take it again. */
void screen_suspend(struct screen *s);
void screen_resume(struct screen *s);

size_t screen_columns(const struct screen *s);
/* Lines there are for the page. */
size_t screen_lines(const struct screen *s);

/* What stands out on a page. */
struct screen_marks {
    const struct needle *needle; /* every place of it, in reverse; NULL: none */
    ptrdiff_t line;              /* where a jump led to: in bold; -1: none */
};
/* The page from line @p top on, and under it the two lines of @p foot. @p cursor: its column in the last line, or -1. */
void screen_draw(struct screen *s, const struct sheet *page, size_t top, const struct screen_marks *marks,
                 const struct sheet *foot, ptrdiff_t cursor);
/* Wait for a key: a character, or one of the above. */
int screen_key(struct screen *s);

#endif
