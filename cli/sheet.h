/* SPDX-License-Identifier: Apache-2.0 */
/* A page of styled text in memory: rendered once for a width, then printed, put on a screen, or walked over line by
 * line. */
#ifndef OPAPAIRS_CLI_SHEET_H
#define OPAPAIRS_CLI_SHEET_H

#include "glyph.h"
#include "term.h"

/* Bytes of one style, without line breaks. */
struct sheet_run {
    size_t begin, size;   /* in the sheet's bytes */
    size_t columns, most; /* that it takes, and at most: see glyph.h */
    enum style style;
    uint8_t ink[2][3]; /* STYLE_PIXELS: RGB of the upper and of the lower half of each cell */
};

/* What a line begins. */
enum sheet_mark {
    MARK_SENTENCE, /* number: its place in the report */
    MARK_REST,     /* number 0: the text that is in no sentence */
    MARK_FINDING,  /* number: its place in the view's findings */
};
struct sheet_place {
    enum sheet_mark mark;
    size_t number, line;
};

/* {0} is an empty page. Lines may be looked at as soon as they are ended. After a failed allocation nothing is added any
 * more, and sheet_print() says so. */
struct sheet {
    char *bytes;
    size_t size, capacity;
    struct sheet_run *runs;
    size_t run_count, run_capacity;
    size_t *ends; /* of each line: the run behind its last */
    size_t line_count, line_capacity;
    struct sheet_place *places; /* by line */
    size_t place_count, place_capacity;
    bool failed;
};
void sheet_release(struct sheet *sheet);
/* Empty it, and keep its memory. */
void sheet_clear(struct sheet *sheet);

/* The runs of a line, at *out; returns how many. */
size_t sheet_line(const struct sheet_run **out, const struct sheet *sheet, size_t line);
opa_text sheet_text(const struct sheet *sheet, const struct sheet_run *run);
/* Columns that a line takes, and at most. */
void sheet_line_width(size_t *columns, size_t *most, const struct sheet *sheet, size_t line);

/* Say what the line begins that is written next. */
void sheet_mark(struct sheet *sheet, enum sheet_mark mark, size_t number);

/* Append to the line that is being written, without wrapping. */
void sheet_string(struct sheet *sheet, const char *ascii, enum style style);
void sheet_spaces(struct sheet *sheet, size_t count, enum style style);
/* Any text, made visible as out_visible() does; at most @p columns (0: any), cut with an ellipsis. */
void sheet_visible(struct sheet *sheet, opa_text text, size_t columns, enum style style);
/* The same, filled with spaces to @p columns. */
void sheet_cell(struct sheet *sheet, opa_text text, size_t columns, enum style style);
/* Append a line of another sheet, with its styles. */
void sheet_copy_line(struct sheet *sheet, const struct sheet *from, size_t line);
/* Columns of the line that is being written, at most. */
size_t sheet_column(const struct sheet *sheet);
/* A cell of two pixels, one above the other. */
void sheet_pixels(struct sheet *sheet, const uint8_t upper[3], const uint8_t lower[3]);
void sheet_end_line(struct sheet *sheet);

/* To standard output, with escapes where colour is on. An exit code, or 0. */
int sheet_print(struct cli *cli, const struct sheet *sheet);

/* Wraps words at a width, with an indent, in styles. Zero it, set sheet, indent and columns (and column, where the line
 * is begun already); end with wrap_end(). */
struct wrap {
    struct sheet *sheet;
    size_t indent, columns;
    size_t column;       /* where the line stands; 0: nothing on it yet */
    size_t spaces;       /* before the waiting word */
    struct glyph before; /* the last one of the waiting word; its code only */
    enum style style;    /* of what was put last */
    size_t width, size;  /* columns and bytes of the waiting word */
    char word[1024];
    struct {
        unsigned char style, columns, most; /* of the glyph that begins at this byte of the word */
    } at[1024];
};
void wrap_text(struct wrap *w, opa_text text, enum style style);
void wrap_string(struct wrap *w, const char *s, enum style style);
void wrap_printf(struct wrap *w, enum style style, const char *format, ...) OPA_PRINTF(3, 4);
void wrap_end(struct wrap *w);

/* One text, wrapped at the terminal's width, to standard output. */
void out_wrapped(struct cli *cli, opa_text text, size_t indent, enum style style);

#endif
