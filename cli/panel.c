/* SPDX-License-Identifier: Apache-2.0 */
#include "panel.h"

#include <string.h>

/* In columns. */
enum { GAP = 3, NARROWEST = 36, WIDEST = 60, LEAST_BAR = 4, PERCENT = 5 };

void panel_add(struct panel *p, const char *label, int64_t n, enum style style)
{
    if (p->count < PANEL_ROWS)
        p->rows[p->count++] = (struct panel_row){text_of(label), n, style};
}

/* ---- one panel ---- */

/* Eighths of a column; what is not nothing has one at least. */
static size_t eighths(int64_t n, int64_t most, size_t columns)
{
    const size_t length = most > 0 ? (size_t)((double)n / (double)most * (double)columns * 8 + 0.5) : 0;
    return n > 0 && length == 0 ? 1 : length;
}

static void put_bar(struct sheet *s, size_t length, bool blocks, enum style style)
{
    static const char *const PARTS[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    for (size_t i = 0; i < length / 8; i++)
        sheet_visible(s, text_of(blocks ? "█" : "#"), 0, style);
    if (blocks)
        sheet_visible(s, text_of(PARTS[length % 8]), 0, style);
    else if (length % 8 >= 4 || length < 4)
        sheet_string(s, length > 0 ? "#" : "", style);
}

static void put_right(struct sheet *s, const char *ascii, size_t columns)
{
    const size_t size = strlen(ascii);
    sheet_spaces(s, columns > size ? columns - size : 0, STYLE_PLAIN);
    sheet_string(s, ascii, STYLE_PLAIN);
}

static void put_panel(struct sheet *s, const struct panel *p, size_t width, bool blocks)
{
    char text[32];
    int64_t most = 0;
    size_t label = 0, number = 0;
    for (size_t i = 0; i < p->count; i++) {
        const size_t columns = text_width(p->rows[i].label), digits = strlen(thousands(text, p->rows[i].n));
        most = p->rows[i].n > most ? p->rows[i].n : most;
        label = columns > label ? columns : label;
        number = digits > number ? digits : number;
    }
    const size_t rest = 1 + number + (p->total > 0 ? 1 + PERCENT : 0) + 1;
    label = label + rest + LEAST_BAR > width ? width - rest - LEAST_BAR : label;
    sheet_visible(s, text_of(p->title), width, STYLE_BOLD);
    sheet_end_line(s);
    for (size_t i = 0; i < p->count; i++) {
        const struct panel_row *r = &p->rows[i];
        const size_t bar = eighths(r->n, most, width - rest - label);
        sheet_cell(s, r->label, label, STYLE_PLAIN);
        put_right(s, thousands(text, r->n), 1 + number);
        if (p->total > 0) {
            put_right(s, percentage(text, r->n, p->total), 1 + PERCENT);
        }
        sheet_spaces(s, bar > 0, STYLE_PLAIN);
        put_bar(s, bar, blocks, r->style);
        sheet_end_line(s);
    }
}

/* ---- the page ---- */

void page_begin(struct page *out, size_t width)
{
    *out = (struct page){.count = (width + GAP) / (NARROWEST + GAP), .blocks = term_is_utf8()};
    out->count = out->count > PAGE_MOST_COLUMNS ? PAGE_MOST_COLUMNS : out->count;
    out->width = (width + GAP) / out->count - GAP;
    out->width = out->width > WIDEST ? WIDEST : out->width;
}

struct sheet *page_column(struct page *page)
{
    struct sheet *shortest = &page->columns[0];
    for (size_t i = 1; i < page->count; i++) {
        if (page->columns[i].line_count < shortest->line_count)
            shortest = &page->columns[i];
    }
    if (shortest->line_count > 0)
        sheet_end_line(shortest);
    return shortest;
}

void page_add(struct page *page, const struct panel *panel)
{
    if (panel->count > 0)
        put_panel(page_column(page), panel, page->width, page->blocks);
}

void page_flush(struct sheet *out, struct page *page)
{
    size_t lines = 0;
    for (size_t i = 0; i < page->count; i++)
        lines = page->columns[i].line_count > lines ? page->columns[i].line_count : lines;
    for (size_t line = 0; line < lines; line++) {
        size_t missing = 0; /* spaces up to the next column; none behind the last text of a line */
        for (size_t i = 0; i < page->count; i++) {
            size_t columns = 0, most;
            if (line < page->columns[i].line_count)
                sheet_line_width(&columns, &most, &page->columns[i], line);
            if (columns > 0) {
                sheet_spaces(out, missing, STYLE_PLAIN);
                sheet_copy_line(out, &page->columns[i], line);
                missing = 0;
            }
            missing += page->width + GAP - (columns < page->width + GAP ? columns : page->width + GAP);
        }
        sheet_end_line(out);
    }
    for (size_t i = 0; i < page->count; i++) {
        out->failed |= page->columns[i].failed;
        sheet_clear(&page->columns[i]);
    }
}

void page_release(struct page *page)
{
    for (size_t i = 0; i < PAGE_MOST_COLUMNS; i++)
        sheet_release(&page->columns[i]);
}
