/* SPDX-License-Identifier: Apache-2.0 */
/* Small tables of counts with bars, side by side where there is room. */
#ifndef OPAPAIRS_CLI_PANEL_H
#define OPAPAIRS_CLI_PANEL_H

#include "sheet.h"

enum { PANEL_ROWS = 12 };

/* One table. {0} with a title is an empty one. */
struct panel {
    const char *title;
    int64_t total; /* of 100 percent; 0: no percentages */
    struct panel_row {
        opa_text label; /* borrowed */
        int64_t n;
        enum style style; /* of the bar */
    } rows[PANEL_ROWS];
    size_t count;
};
/* At most PANEL_ROWS; more are left out. */
void panel_add(struct panel *p, const char *label, int64_t n, enum style style);

/* Columns of panels. */
enum { PAGE_MOST_COLUMNS = 4 };
struct page {
    struct sheet columns[PAGE_MOST_COLUMNS];
    size_t count, width; /* of the columns in use */
    bool blocks;         /* bars of block characters, not of # */
};
/* As many columns as fit in @p width. Released with page_release(). */
void page_begin(struct page *out, size_t width);
/* Put a panel, unless it is empty, into the shortest column. */
void page_add(struct page *page, const struct panel *panel);
/* The shortest column, for what is no panel; a free line is put above. */
struct sheet *page_column(struct page *page);
/* Append the columns, side by side, and empty them. */
void page_flush(struct sheet *out, struct page *page);
void page_release(struct page *page);

#endif
