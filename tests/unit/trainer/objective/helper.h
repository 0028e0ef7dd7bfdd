/* SPDX-License-Identifier: Apache-2.0 */
/** @file helper.h
 *  The stored losses (tests/data/trainer/losses), and slopes by finite differences.
 */
#ifndef TEST_OBJECTIVE_HELPER_H
#define TEST_OBJECTIVE_HELPER_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_fields.h"
#include "objective/objective.h"

enum { MOST = 1024 };

struct vector {
    double x[MOST];
    size_t count;
};

static struct trainer trainer;
static struct json_file losses;

static inline int open_losses(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s/trainer/losses/losses.json", getenv("OPA_TEST_DATA"));
    assert_int_equal(opa_context_new(&trainer.opa), OPA_OK);
    assert_int_equal(json_file_open(&trainer, &losses, path), OPA_OK);
    return 0;
}

static inline int close_losses(void **state)
{
    (void)state;
    json_file_release(&losses);
    opa_context_free(trainer.opa);
    return 0;
}

static inline double number_of(const struct cJSON *value)
{
    double x = NAN;
    assert_true(opa_json_number(losses.doc, value, &x));
    return x;
}

static inline double number(const struct cJSON *object, const char *key)
{
    return number_of(opa_json_get(object, key));
}

static inline struct vector vector_of(const struct cJSON *list)
{
    struct vector v = {.count = 0};
    for (const struct cJSON *item = json_first(list); item != NULL; item = json_next(item))
        v.x[v.count++] = number_of(item);
    return v;
}

static inline struct vector vector(const struct cJSON *object, const char *key)
{
    return vector_of(opa_json_get(object, key));
}

static inline const struct cJSON *nth(const struct cJSON *list, size_t i)
{
    const struct cJSON *item = json_first(list);
    for (; i > 0; i--)
        item = json_next(item);
    assert_non_null(item);
    return item;
}

static inline void assert_close(const char *what, double have, double want, double relative)
{
    if (!(fabs(have - want) <= relative * (fabs(want) > 1e-3 ? fabs(want) : 1e-3))) {
        print_error("%s: %.17g, not %.17g\n", what, have, want);
        fail();
    }
}

static inline void assert_vector(const char *what, const double *have, const struct vector *want)
{
    for (size_t i = 0; i < want->count; i++)
        assert_close(what, have[i], want->x[i], 1e-10);
}

/* One value repeated around a point: a vector of odd values of this size. */
static inline struct vector odd_vector(size_t count, double size, double sign)
{
    struct vector v = {.count = count};
    for (size_t i = 0; i < count; i++)
        v.x[i] = sign * size * (1 + (double)i / 7);
    return v;
}

/* The slopes of @p total by every policy log-prob of @p side, against central differences. */
static inline void check_slopes(const char *what, struct vector *policy, const double *slope, double (*total)(void *),
                                void *arg)
{
    const double step = 1e-5;
    for (size_t i = 0; i < policy->count; i++) {
        const double x = policy->x[i];
        policy->x[i] = x + step;
        const double above = total(arg);
        policy->x[i] = x - step;
        const double below = total(arg);
        policy->x[i] = x;
        assert_close(what, slope[i], (above - below) / (2 * step), 1e-5);
    }
}

#endif
