/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the report's page. */
#ifndef MICROWORLD_PAGE_H
#define MICROWORLD_PAGE_H

#include "story.h"

void page_text(FILE *out, opa_text text); /* escaped */

/* page_plots.c; each is one <figure>. */
void page_steps(FILE *out, const struct story *s);
void page_frontier(FILE *out, const struct story *s);
void page_policy(FILE *out, const struct story *s);
bool page_training(FILE *out, const struct story *s); /* false: out of memory */

/* page_scenes.c; false: out of memory. */
bool page_scenes(FILE *out, const struct story *s);

#endif
