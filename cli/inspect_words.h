/* SPDX-License-Identifier: Apache-2.0 */
/* Words with what was done to them, one text through the other or the two side by side. Marks say it, [-deleted-] and
 * {+inserted+}, beside the colour: text that is copied from a terminal loses that, and not everybody sees it. */
#ifndef OPAPAIRS_CLI_INSPECT_WORDS_H
#define OPAPAIRS_CLI_INSPECT_WORDS_H

#include "sheet.h"

enum { ALL_SENTENCES = -2 };

/* Hunks of two texts, and which of them are shown. */
struct words {
    opa_text generated, revised;
    const opa_hunk *hunks;
    size_t count;
    int sentence;    /* those of this one, -1 those of none, or ALL_SENTENCES */
    bool edits_only; /* leave out what was kept */
};

/* How they are shown. */
struct words_style {
    size_t indent, columns;
    bool wide; /* the generated text on the left, the revised one on the right; takes WORDS_WIDE_COLUMNS */
};
enum { WORDS_WIDE_COLUMNS = 72 };

void words_put(struct sheet *out, const struct words *words, const struct words_style *style);
/* The titles of the two columns. */
void words_titles(struct sheet *out, const struct words_style *style);

#endif
