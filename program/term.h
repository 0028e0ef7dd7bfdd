/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal is like, and text for people on it: colours, and control characters made visible. */
#ifndef OPAPAIRS_TERM_H
#define OPAPAIRS_TERM_H

#include "program.h"

/* A terminal, not TERM=dumb, and no NO_COLOR (no-color.org)? */
bool term_wants_color(int fd);
/* Is @p fd a terminal that understands escapes? */
bool term_is_smart(int fd);
/* Does the locale of the environment say UTF-8? */
bool term_is_utf8(void);
/* Columns to wrap at. */
size_t term_columns(void);
/* Rows of the terminal on standard output; 0 unknown. */
size_t term_rows(void);
/* Does it show 24-bit colours (COLORTERM)? */
bool term_has_true_color(int fd);

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_DELETED,
    STYLE_INSERTED,
    STYLE_ERROR,
    STYLE_WARNING,
    STYLE_GOOD,
    STYLE_PIXELS /* its colours stand in the run, see sheet.h */
};
/* Escapes to begin and to end a style; "" without colour. */
const char *style_begin(const struct cli *cli, enum style style);
const char *style_end(const struct cli *cli, enum style style);

/* The text on one line: control characters, lone surrogates and direction marks as symbols. At most @p columns (0:
 * any), cut with an ellipsis. Returns the columns used. */
size_t out_visible(struct cli *cli, opa_text text, size_t columns);
/* The same, filled with spaces to @p columns. */
void out_cell(struct cli *cli, opa_text text, size_t columns);

#endif
