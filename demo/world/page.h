/* SPDX-License-Identifier: Apache-2.0 */
/* The report as one HTML file that needs nothing else. */
#ifndef MICROWORLD_PAGE_H
#define MICROWORLD_PAGE_H

#include "story.h"

/* False: out of memory; failed writes show in @p out. */
bool page_write(FILE *out, const struct story *s);

/* ---- its parts ---- */

void page_text(FILE *out, opa_text text); /* escaped, also for an attribute's value */
void page_estimate(FILE *out, struct estimate e);

/* page_plots.c; each is one <figure>. */
void page_steps(FILE *out, const struct story *s);
void page_frontier(FILE *out, const struct story *s);
void page_policy(FILE *out, const struct story *s);
bool page_training(FILE *out, const struct story *s); /* false: out of memory */

/* page_scenes.c; false: out of memory. */
bool page_scenes(FILE *out, const struct story *s);

#endif
