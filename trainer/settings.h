/* SPDX-License-Identifier: Apache-2.0 */
/** @file settings.h
 *  What an output depends on, as text: a line "name: value" each. Outputs that go on, or are used again, are compared by it.
 */
#ifndef OPATRAIN_SETTINGS_H
#define OPATRAIN_SETTINGS_H

#include <stdarg.h>

#include "trainer.h"

struct settings {
    char *data; /**< NUL-terminated; NULL while empty */
    size_t size, capacity;
    bool failed; /**< out of memory */
};

/** Add a line. */
void settings_addv(struct settings *s, const char *name, const char *format, va_list args);
void settings_add(struct settings *s, const char *name, const char *format, ...) OPA_PRINTF(3, 4);
/** Add the lines of another. */
void settings_append(struct settings *s, const struct settings *from);
void settings_release(struct settings *s);

enum { SETTINGS_NAME = 256 };
/** The name of the first line in which @p have [size] and @p want differ, with both values, or those of the words in them that
 *  differ, where they are short ("epochs (1 there, 2 now)", "coefficients (beta 0.1 there, 0.2 now)"), or that only one has
 *  such a line; "" when none differs. */
void settings_difference(char out[SETTINGS_NAME], const char *have, size_t size, const char *want);

#endif
