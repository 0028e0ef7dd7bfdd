/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the micro world share. */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caption.h"

#define assert_near(a, b, slack) check_near(a, b, slack, __FILE__, __LINE__)
static inline void check_near(double a, double b, double slack, const char *file, int line)
{
    if (!(fabs(a - b) <= slack)) {
        print_error("%g is not within %g of %g\n", a, slack, b);
        _fail(file, line);
    }
}

static inline opa_text text_of_answer(const struct answer *a)
{
    return (opa_text){a->text, a->size};
}

/* A kitchen with a near red cup on the left and a far blue dog on the right. */
static const struct scene kitchen = {.context = 0,
                                     .count = 2,
                                     .objects = {{.kind = 0, .colour = 0, .column = 0, .size = 12},
                                                 {.kind = 7, .colour = 2, .column = 2, .size = 7, .far = true}}};

#endif
