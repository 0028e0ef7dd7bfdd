/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a text in others, as a person who types it means it. */
#ifndef OPAPAIRS_CLI_FIND_H
#define OPAPAIRS_CLI_FIND_H

#include <opapairs/base.h>

/* What is looked for. count 0: nothing is found. */
struct needle {
    int32_t codes[256]; /* its characters, at most so many */
    size_t count;
    bool fold; /* it has no capital: A and a are the same */
};
void needle_make(struct needle *out, opa_text text);
/* The first place at or behind @p from. False: there is none. */
bool needle_find(opa_span *out, const struct needle *needle, opa_text text, size_t from);

#endif
