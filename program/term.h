/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: widths, colours, wrapping, and control characters made visible. */
#ifndef OPAPAIRS_TERM_H
#define OPAPAIRS_TERM_H

#include "program.h"

/* A terminal, not TERM=dumb, and no NO_COLOR (no-color.org)? */
bool term_wants_color(int fd);
/* Is @p fd a terminal that understands escapes? */
bool term_is_smart(int fd);
/* Columns to wrap at. */
size_t term_columns(void);
/* Columns that a text takes, as out_visible() prints it. */
size_t term_width(opa_text text);

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_DELETED,
    STYLE_INSERTED,
    STYLE_ERROR,
    STYLE_WARNING,
    STYLE_GOOD
};
/* Escapes to begin and to end a style; "" without colour. */
const char *style_begin(const struct cli *cli, enum style style);
const char *style_end(const struct cli *cli, enum style style);

/* The text on one line: control characters, lone surrogates and direction marks as symbols. At most @p columns (0:
 * any), cut with an ellipsis. Returns the columns used. */
size_t out_visible(struct cli *cli, opa_text text, size_t columns);
/* The same, filled with spaces to @p columns. */
void out_cell(struct cli *cli, opa_text text, size_t columns);

/* Wraps words at a width, with an indent, in styles. Zero it, set cli, indent and columns; end with wrap_end(). */
struct wrap {
    struct cli *cli;
    size_t indent, columns;
    size_t column;      /* where the line stands; 0: nothing on it yet */
    size_t width;       /* columns of the waiting word */
    size_t spaces;      /* before the waiting word */
    size_t size;        /* bytes waiting */
    enum style style;   /* of what comes next */
    enum style printed; /* of what was printed last */
    char word[1024];    /* waits for its end */
    char styles[1024];  /* of each byte of word */
};
void wrap_text(struct wrap *w, opa_text text, enum style style);
void wrap_string(struct wrap *w, const char *s, enum style style);
void wrap_end(struct wrap *w);

#endif
