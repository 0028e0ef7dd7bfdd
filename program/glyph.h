/* SPDX-License-Identifier: Apache-2.0 */
/* One character of a text as people see it: its bytes, with what must not reach a terminal made visible, and the columns
 * that it takes. */
#ifndef OPAPAIRS_CLI_GLYPH_H
#define OPAPAIRS_CLI_GLYPH_H

#include <opapairs/base.h>

/* A grapheme cluster (UAX #29): a letter with its marks, a flag, an emoji with all that is joined to it. Terminals do not
 * agree on the width of the longer ones: those that draw a joined emoji as one give it two columns, the others the sum
 * of its parts. Cells are filled by the first measure; lines are broken by the second, so that none is too long on
 * either. */
struct glyph {
    const char *bytes; /* in the text, or in shown */
    size_t size;
    size_t columns; /* as one character */
    size_t most;    /* as the sum of its parts, at least columns */
    int32_t code;   /* of its first character; -1: a byte that belongs to none */
    char shown[16]; /* a control character as a symbol, a lone surrogate or a direction mark by its number */
};

/* The glyph that @p s, of at least one byte, begins with. Returns the bytes of the text that it stands for. */
size_t glyph_next(struct glyph *out, const char *s, size_t size);

/* May a line end between two neighbours without a space? Where one is as wide as CJK characters are, but not behind
 * opening punctuation or in front of other punctuation. */
bool glyph_may_break(const struct glyph *before, const struct glyph *after);

/* Columns that a text takes at most, on one line. */
size_t text_width(opa_text text);
/* Is it wider than that? Most texts fit so clearly that nothing has to be measured. */
bool text_exceeds(opa_text text, size_t columns);

#endif
