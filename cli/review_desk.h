/* SPDX-License-Identifier: Apache-2.0 */
/* What a reviewer has in front of them: the page of the sample, where they are on it, what the two lines under it say,
 * and questions. */
#ifndef OPAPAIRS_CLI_REVIEW_DESK_H
#define OPAPAIRS_CLI_REVIEW_DESK_H

#include "review.h"
#include "review_screen.h"

struct desk {
    struct review *review;
    struct screen *screen;
    opa_encoder *encoder;
    bool wide;            /* both texts side by side, where there is room */
    struct sheet page;    /* of the sample */
    struct sheet over_it; /* what lies over it, where it has lines */
    struct sheet foot;
    size_t top;       /* line of the page at the screen's upper edge */
    ptrdiff_t looked; /* line that a jump went to, -1: none */
    size_t *problems; /* lines of the findings that are warnings or errors */
    size_t problem_count, problem_capacity;
    struct needle needle; /* what was searched for last */
    const char *question; /* stands in the last line; NULL: none */
    char answer[512];     /* UTF-8 */
    ptrdiff_t answer_at;  /* the cursor's column there, or -1 */
    bool over;            /* no key will come any more, or none is wanted */
};

/* The sample that is looked at now, from its first line; it counts as seen. */
void desk_show(struct desk *d);
/* To the next undecided sample. What the message says already is said first, then what the way on has to say. */
void desk_go_on(struct desk *d);
/* The same page made anew, at the same place of it: the terminal has another width. */
void desk_layout(struct desk *d);
/* Draw, and wait for a key. A change of size is dealt with. */
int desk_key(struct desk *d);
/* Is the key one that moves on the page? Then it did. */
bool desk_scroll(struct desk *d, int key);
/* To a line, so that it can be seen. */
void desk_jump(struct desk *d, size_t line);
/* To the first line behind @p line that has what is searched for. */
bool desk_find(struct desk *d, ptrdiff_t line);
/* Ask for a line of text, which is then in answer. False: given up, or nothing entered. */
bool desk_ask(struct desk *d, const char *question);
/* Say that the store is written to: it may have to wait for others. */
void desk_storing(struct desk *d);
/* Something to read lies over the page, which @p write makes for a width, until a key that does not scroll. */
int desk_overlay(struct desk *d, void (*write)(struct sheet *out, size_t columns, const void *user), const void *user);
void desk_release(struct desk *d);

#endif
