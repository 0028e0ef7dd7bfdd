/* SPDX-License-Identifier: Apache-2.0 */
#include "sheet.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "…"

void sheet_release(struct sheet *s)
{
    free(s->bytes);
    free(s->runs);
    free(s->ends);
    free(s->places);
    *s = (struct sheet){0};
}

void sheet_clear(struct sheet *s)
{
    s->size = s->run_count = s->line_count = s->place_count = 0;
    s->failed = false;
}

/* Room for @p more items of an array. */
static bool reserve(struct sheet *s, void **items, size_t *capacity, size_t count, size_t more, size_t item_size)
{
    if (s->failed)
        return false;
    if (*capacity - count >= more)
        return true;
    size_t wanted = *capacity ? *capacity * 2 : 256;
    while (wanted - count < more)
        wanted *= 2;
    void *grown = realloc(*items, wanted * item_size);
    if (grown == NULL) {
        s->failed = true;
        return false;
    }
    *items = grown;
    *capacity = wanted;
    return true;
}

#define RESERVE(s, items, count, capacity, more)                                                                       \
    reserve((s), (void **)&(s)->items, &(s)->capacity, (s)->count, (more), sizeof *(s)->items)

/* ---- looking at it ---- */

size_t sheet_line(const struct sheet_run **out, const struct sheet *s, size_t line)
{
    const size_t first = line > 0 ? s->ends[line - 1] : 0;
    *out = s->runs + first;
    return s->ends[line] - first;
}

opa_text sheet_text(const struct sheet *s, const struct sheet_run *run)
{
    return (opa_text){s->bytes + run->begin, run->size};
}

void sheet_line_width(size_t *columns, size_t *most, const struct sheet *s, size_t line)
{
    const struct sheet_run *runs;
    const size_t count = sheet_line(&runs, s, line);
    *columns = *most = 0;
    for (size_t i = 0; i < count; i++) {
        *columns += runs[i].columns;
        *most += runs[i].most;
    }
}

/* ---- writing it ---- */

void sheet_mark(struct sheet *s, enum sheet_mark mark, size_t number)
{
    if (RESERVE(s, places, place_count, place_capacity, 1))
        s->places[s->place_count++] = (struct sheet_place){mark, number, s->line_count};
}

/* The first run of the line that is being written. */
static size_t line_begin(const struct sheet *s)
{
    return s->line_count > 0 ? s->ends[s->line_count - 1] : 0;
}

size_t sheet_column(const struct sheet *s)
{
    size_t most = 0;
    for (size_t i = line_begin(s); i < s->run_count; i++)
        most += s->runs[i].most;
    return most;
}

static void add(struct sheet *s, const char *bytes, size_t size, size_t columns, size_t most, enum style style)
{
    if (!RESERVE(s, bytes, size, capacity, size) || !RESERVE(s, runs, run_count, run_capacity, 1))
        return;
    struct sheet_run *run = s->runs + s->run_count - 1;
    if (s->run_count == line_begin(s) || run->style != style) {
        run = s->runs + s->run_count++;
        *run = (struct sheet_run){.begin = s->size, .style = style};
    }
    memcpy(s->bytes + s->size, bytes, size);
    s->size += size;
    run->size += size;
    run->columns += columns;
    run->most += most;
}

void sheet_string(struct sheet *s, const char *ascii, enum style style)
{
    const size_t size = strlen(ascii);
    if (size > 0)
        add(s, ascii, size, size, size, style);
}

void sheet_spaces(struct sheet *s, size_t count, enum style style)
{
    static const char blank[] = "                                                                ";
    while (count > 0) {
        const size_t n = count < sizeof blank - 1 ? count : sizeof blank - 1;
        add(s, blank, n, n, n, style);
        count -= n;
    }
}

/* Returns the columns used. */
static size_t put_visible(struct sheet *s, opa_text text, size_t columns, enum style style)
{
    struct glyph g;
    size_t used = 0, most = 0;
    const bool cut = columns > 0 && text_exceeds(text, columns);
    for (size_t i = 0; i < text.size; used += g.columns, most += g.most) {
        i += glyph_next(&g, text.data + i, text.size - i);
        if (cut && most + g.most > columns - 1) {
            add(s, ELLIPSIS, strlen(ELLIPSIS), 1, 1, style);
            return used + 1;
        }
        add(s, g.bytes, g.size, g.columns, g.most, style);
    }
    return used;
}

void sheet_visible(struct sheet *s, opa_text text, size_t columns, enum style style)
{
    put_visible(s, text, columns, style);
}

void sheet_cell(struct sheet *s, opa_text text, size_t columns, enum style style)
{
    const size_t used = put_visible(s, text, columns, style);
    if (used < columns)
        sheet_spaces(s, columns - used, STYLE_PLAIN);
}

void sheet_copy_line(struct sheet *s, const struct sheet *from, size_t line)
{
    const struct sheet_run *runs;
    const size_t count = sheet_line(&runs, from, line);
    for (size_t i = 0; i < count; i++) {
        if (runs[i].style == STYLE_PIXELS)
            sheet_pixels(s, runs[i].ink[0], runs[i].ink[1]);
        else
            add(s, from->bytes + runs[i].begin, runs[i].size, runs[i].columns, runs[i].most, runs[i].style);
    }
}

void sheet_pixels(struct sheet *s, const uint8_t upper[3], const uint8_t lower[3])
{
    static const char half[] = "▀";
    if (!RESERVE(s, bytes, size, capacity, sizeof half) || !RESERVE(s, runs, run_count, run_capacity, 1))
        return;
    struct sheet_run *run = s->runs + s->run_count++;
    *run = (struct sheet_run){s->size, sizeof half - 1, 1, 1, STYLE_PIXELS, {{0}}};
    memcpy(run->ink[0], upper, 3);
    memcpy(run->ink[1], lower, 3);
    memcpy(s->bytes + s->size, half, sizeof half - 1);
    s->size += sizeof half - 1;
}

void sheet_end_line(struct sheet *s)
{
    if (RESERVE(s, ends, line_count, line_capacity, 1))
        s->ends[s->line_count++] = s->run_count;
}

/* ---- printing it ---- */

static void print_run(struct cli *cli, const struct sheet *s, const struct sheet_run *run)
{
    const uint8_t(*ink)[3] = run->ink;
    if (run->style == STYLE_PIXELS)
        out_printf(cli, "\033[38;2;%d;%d;%d;48;2;%d;%d;%dm", ink[0][0], ink[0][1], ink[0][2], ink[1][0], ink[1][1],
                   ink[1][2]);
    else
        out_printf(cli, "%s", style_begin(cli, run->style));
    out_bytes(cli, s->bytes + run->begin, run->size);
    out_printf(cli, "%s", style_end(cli, run->style));
}

int sheet_print(struct cli *cli, const struct sheet *s)
{
    for (size_t i = 0; i < s->line_count && out_alive(cli); i++) {
        const struct sheet_run *runs;
        const size_t count = sheet_line(&runs, s, i);
        for (size_t k = 0; k < count; k++)
            print_run(cli, s, &runs[k]);
        out_bytes(cli, "\n", 1);
    }
    return s->failed ? cli_error(cli, EXIT_IO, "out of memory") : 0;
}

/* ---- wrapping ---- */

static void break_line(struct wrap *w)
{
    sheet_end_line(w->sheet);
    w->column = w->spaces = 0;
    w->style = STYLE_PLAIN;
}

/* Put the waiting word on the page, run by run. */
static void put_word(struct wrap *w)
{
    for (size_t i = 0; i < w->size;) {
        size_t columns = w->at[i].columns, most = w->at[i].most, end = i + 1;
        for (; end < w->size && w->at[end].style == w->at[i].style; end++) {
            columns += w->at[end].columns;
            most += w->at[end].most;
        }
        w->style = (enum style)w->at[i].style;
        add(w->sheet, w->word + i, end - i, columns, most, w->style);
        i = end;
    }
    w->column += w->width;
    w->size = w->width = w->spaces = 0;
}

static void flush_word(struct wrap *w)
{
    if (w->size == 0)
        return;
    if (w->column > 0 && w->column + w->spaces + w->width > w->columns)
        break_line(w);
    if (w->column == 0) {
        sheet_spaces(w->sheet, w->indent, STYLE_PLAIN);
        w->column = w->indent;
    } else {
        /* Spaces inside an edit belong to it; the others are plain. */
        sheet_spaces(w->sheet, w->spaces, w->style == (enum style)w->at[0].style ? w->style : STYLE_PLAIN);
        w->column += w->spaces;
    }
    put_word(w);
}

static void put_glyph(struct wrap *w, const struct glyph *g, enum style style)
{
    const bool full = w->size + g->size > sizeof w->word;
    if (w->size > 0 && (full || w->width + g->most > w->columns - w->indent || glyph_may_break(&w->before, g)))
        flush_word(w);
    memcpy(w->word + w->size, g->bytes, g->size);
    for (size_t i = w->size; i < w->size + g->size; i++) {
        w->at[i].style = (unsigned char)style;
        w->at[i].columns = w->at[i].most = 0;
    }
    w->at[w->size].columns = (unsigned char)g->columns;
    w->at[w->size].most = (unsigned char)g->most;
    w->size += g->size;
    w->width += g->most;
    w->before = *g;
}

void wrap_text(struct wrap *w, opa_text text, enum style style)
{
    struct glyph g;
    for (size_t i = 0; i < text.size && !w->sheet->failed;) {
        i += glyph_next(&g, text.data + i, text.size - i);
        if (g.code == ' ' && g.size == 1) {
            flush_word(w);
            w->spaces += w->column + w->spaces < w->columns;
            continue;
        }
        put_glyph(w, &g, style);
        if (g.code == '\n') {
            flush_word(w);
            break_line(w);
        }
    }
}

void wrap_string(struct wrap *w, const char *s, enum style style)
{
    wrap_text(w, text_of(s), style);
}

void wrap_printf(struct wrap *w, enum style style, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    wrap_string(w, text, style);
}

void wrap_end(struct wrap *w)
{
    flush_word(w);
    if (w->column > 0)
        break_line(w);
}

void out_wrapped(struct cli *cli, opa_text text, size_t indent, enum style style)
{
    struct sheet page = {0};
    struct wrap w = {.sheet = &page, .indent = indent, .columns = term_columns()};
    wrap_text(&w, text, style);
    wrap_end(&w);
    sheet_print(cli, &page);
    sheet_release(&page);
}
