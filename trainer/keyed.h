/* SPDX-License-Identifier: Apache-2.0 */
/** @file keyed.h
 *  Files beside a run with what was computed once. They begin with a line that says what they hold and with everything that
 *  depends on, so that a file can never be taken for another's. What follows is the caller's, appended.
 */
#ifndef OPATRAIN_KEYED_H
#define OPATRAIN_KEYED_H

#include <stdio.h>

#include "mapped.h"

/** The name of one kind of file. */
struct keyed_kind {
    const char *magic; /**< its first line */
    const char *what;  /**< "reference log-probs": for messages */
    const char *other; /**< behind "remove the file to make them anew": another way out; "" */
};

/** Begin the file where there is none, appearing whole or not at all. @p depends is text, one "name: value" a line. OPA_ECREATE;
 *  OPA_EIO. */
int keyed_begin(struct trainer *t, const char *path, const struct keyed_kind *kind, const char *depends);
/** The head of a file that is there; *end is behind it. OPA_EDATA: another kind of file, or made with another of what it
 *  depends on, which the message names. */
int keyed_compare(struct trainer *t, const char *path, const struct mapped *map, const struct keyed_kind *kind,
                  const char *depends, size_t *end);

#endif
