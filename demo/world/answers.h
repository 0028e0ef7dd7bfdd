/* SPDX-License-Identifier: Apache-2.0 */
/* What a model said about scenes: the lines of opatrain generate. */
#ifndef MICROWORLD_ANSWERS_H
#define MICROWORLD_ANSWERS_H

#include "measure.h"
#include "program.h"
#include "scene.h"

struct said {
    char *id, *bytes;
    opa_text text; /* bytes, which may hold a NUL */
    struct scene scene;
};

/* {0}; released with answers_release(). */
struct answers {
    struct said *of; /* in the order of the file */
    size_t count, capacity;
};

/* 0, or an exit code: it was said what is wrong with which line. */
int answers_read(struct cli *cli, struct answers *out, const char *path);
void answers_release(struct answers *a);
/* The answer with this id; NULL: none. The list must be in order of id: see answers_sort(). */
const struct said *answers_find(const struct answers *a, opa_text id);
void answers_sort(struct answers *a);
struct measures answers_measure(const struct answers *a);
/* The outcome of each scene of @p order, both lists in order of id; false: @p a lacks one of them. */
bool answers_outcomes(struct outcome *out, const struct answers *a, const struct answers *order);

/* Calls @p answer for each answer that opatrain generate wrote; what it returns other than 0 ends the reading. 0 or an
 * exit code. */
typedef int (*answer_fn)(void *user, opa_text id, opa_text text, int64_t line);
int each_answer(struct cli *cli, const char *path, answer_fn answer, void *user);

#endif
