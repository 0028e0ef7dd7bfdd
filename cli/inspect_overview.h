/* SPDX-License-Identifier: Apache-2.0 */
/* One line a sample: what to look at first in a set of thousands. */
#ifndef OPAPAIRS_CLI_INSPECT_OVERVIEW_H
#define OPAPAIRS_CLI_INSPECT_OVERVIEW_H

#include "sheet.h"
#include "view_out.h"

/* Columns of the table, fitted to the terminal; begin with overview_layout(). */
struct overview {
    size_t columns; /* of the whole line */
    size_t id;      /* of the longest id, or what there is room for */
    size_t certificate;
    size_t codes; /* of the findings; 0: they and the edit share the rest */
};
struct overview overview_layout(size_t columns, size_t longest_id);
void overview_head(struct sheet *out, const struct overview *o);
/* Append the line of one sample. */
void overview_row(struct sheet *out, const struct overview *o, const struct view *view,
                  const struct hunk_tokens *tokens);

#endif
