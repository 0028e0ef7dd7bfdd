/* SPDX-License-Identifier: Apache-2.0 */
/* The objects that experts name in their reports, "dog -> cat", and how often each correction came. */
#ifndef OPAPAIRS_CLI_CORRECTIONS_H
#define OPAPAIRS_CLI_CORRECTIONS_H

#include "cli.h"

/* White space at the ends is cut, runs of it inside are one space. A report that says only "dog" has no to (data
 * NULL). */
struct correction {
    opa_text from, to; /* in the commonest spelling, the least of equally common ones */
    int64_t count;
};

struct spelling;

/* {0} is none. */
struct corrections {
    struct spelling *spellings; /* one for each object that was added */
    size_t count, capacity;
    int64_t named;             /* objects, whatever they say */
    struct correction *ranked; /* most frequent first; from and to are borrowed from the spellings */
    size_t ranked_count;
};

/* Count the object of a sentence. False: out of memory. */
bool corrections_add(struct corrections *c, opa_text object);
/* Fill ranked: spellings that differ in case or in how their characters are composed are one, and what becomes itself is
 * none. False: out of memory. */
bool corrections_rank(struct corrections *c);
void corrections_release(struct corrections *c);

/* "dog -> cat", or "dog". NULL: out of memory. The caller frees it. */
char *correction_text(size_t *size, const struct correction *correction);

#endif
