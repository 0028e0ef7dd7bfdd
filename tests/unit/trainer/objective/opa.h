/* SPDX-License-Identifier: Apache-2.0 */
/** @file opa.h
 *  OPA-DPO's stored values, for both of its forms.
 */
#ifndef TEST_OBJECTIVE_OPA_H
#define TEST_OBJECTIVE_OPA_H

#include "helper.h"

enum { GT, GEN, REV, GT_M, REV_M, VIEWS };
static const char *const views[VIEWS] = {"gt", "gen", "rev", "gt_m", "rev_m"};

/* One sample; D is the policy, and the reference is 0. */
struct opa {
    struct vector d[VIEWS], s_rev, s_gen, w_rev, zero;
    double slope[VIEWS][MOST];
};

static inline struct objective_side opa_side(struct opa *s, int view, const struct vector *weights)
{
    return (struct objective_side){s->d[view].x, s->zero.x, weights ? weights->x : NULL, s->slope[view],
                                   s->d[view].count};
}

/* The pairs of the recipe opa-dpo. */
static inline void opa_add(const char *name, const struct coefficients *c, double scale, struct opa *s,
                           struct terms *terms)
{
    const struct objective *o = objective_find(name);
    const struct objective_pair pairs[] = {
        {PAIR_LANGUAGE, true, opa_side(s, GT, NULL), opa_side(s, GEN, NULL)},
        {PAIR_LANGUAGE, false, opa_side(s, REV, &s->s_rev), opa_side(s, GEN, &s->s_gen)},
        {PAIR_IMAGE, true, opa_side(s, GT, NULL), opa_side(s, GT_M, NULL)},
        {PAIR_IMAGE, false, opa_side(s, REV, &s->w_rev), opa_side(s, REV_M, &s->w_rev)},
        {.type = PAIR_ANCHOR, .ground_truth = true, .chosen = opa_side(s, GT, NULL)},
        {.type = PAIR_ANCHOR, .chosen = opa_side(s, REV, NULL)},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        objective_add(o, c, scale, &pairs[i], terms);
}

static inline void opa_read(struct opa *s, const struct cJSON *stored, size_t i)
{
    const struct cJSON *d = opa_json_get(stored, "D"), *weights = opa_json_get(stored, "weights");
    memset(s, 0, sizeof *s);
    for (int v = 0; v < VIEWS; v++)
        s->d[v] = vector_of(nth(opa_json_get(d, views[v]), i));
    s->s_rev = vector_of(nth(opa_json_get(weights, "s_rev"), i));
    s->s_gen = vector_of(nth(opa_json_get(weights, "s_gen"), i));
    s->w_rev = vector_of(nth(opa_json_get(weights, "w_rev"), i));
}

static inline void opa_check(const char *name, const struct cJSON *stored)
{
    static struct opa s[8];
    const struct objective *o = objective_find(name);
    const struct cJSON *want = opa_json_get(stored, name), *want_terms = opa_json_get(want, "terms");
    struct coefficients c = o->defaults;
    struct terms terms = {0};
    const size_t samples = json_count(opa_json_get(opa_json_get(stored, "D"), "gt"));
    c.response_length = number(stored, "response_len");
    const double scale = objective_scale(o, &c, (struct objective_counts){.samples = samples});
    for (size_t i = 0; i < samples; i++) {
        opa_read(&s[i], stored, i);
        opa_add(name, &c, scale, &s[i], &terms);
    }
    for (int t = TERM_LC1; t <= TERM_ANCHOR_REV; t++)
        assert_close(term_name(t), terms.value[t], number(want_terms, term_name(t)), 1e-10);
    assert_close("total", terms.total, number(want_terms, "total"), 1e-10);
    for (size_t i = 0; i < samples; i++) {
        for (int v = 0; v < VIEWS; v++) {
            const struct vector slope = vector_of(nth(opa_json_get(opa_json_get(want, "dD"), views[v]), i));
            assert_int_equal(slope.count, s[i].d[v].count);
            assert_vector(views[v], s[i].slope[v], &slope);
        }
    }
}

static inline void opa_check_all(const char *name)
{
    const struct cJSON *list = opa_json_get(opa_json_root(losses.doc), "opa");
    assert_true(json_count(list) >= 6);
    for (const struct cJSON *stored = json_first(list); stored != NULL; stored = json_next(stored))
        opa_check(name, stored);
}

/* ---- what the stored values do not reach: a threshold of the anchors, other coefficients ---- */

struct opa_setup {
    const char *name;
    struct coefficients c;
    struct opa s;
};

static inline double opa_total(void *arg)
{
    struct opa_setup *setup = arg;
    struct terms terms = {0};
    memset(setup->s.slope, 0, sizeof setup->s.slope);
    opa_add(setup->name, &setup->c, 0.25, &setup->s, &terms);
    return terms.total;
}

static inline void opa_check_slopes(const char *name)
{
    static struct opa_setup setup;
    static double slope[VIEWS][MOST];
    setup.name = name;
    setup.c = (struct coefficients){.beta = 0.7, .gamma1 = 0.4, .gamma2 = 1.3, .delta = 0.6, .response_length = 30};
    opa_read(&setup.s, nth(opa_json_get(opa_json_root(losses.doc), "opa"), 3), 0);
    opa_total(&setup);
    memcpy(slope, setup.s.slope, sizeof slope);
    for (int v = 0; v < VIEWS; v++)
        check_slopes(views[v], &setup.s.d[v], slope[v], opa_total, &setup);
}

/* Log-ratios from hundredths to tens of thousands of either sign, one side without a token, weights that are all 0. */
static inline void opa_check_odd(const char *name)
{
    static struct opa_setup setup;
    static double slope[VIEWS][MOST];
    static const double sizes[] = {0.01, 2, 70, 900, 20000};
    setup.name = name;
    for (size_t k = 0; k < VIEWS * sizeof sizes / sizeof sizes[0]; k++) {
        const double size = sizes[k / VIEWS];
        memset(&setup.s, 0, sizeof setup.s);
        setup.c = (struct coefficients){.beta = 0.1, .gamma1 = 0.2, .gamma2 = 1, .delta = 0.3, .response_length = 5};
        for (int v = 0; v < VIEWS; v++)
            setup.s.d[v] = odd_vector((size_t)v == k % VIEWS ? 0 : (size_t)(1 + v % 3), size * (1 + v), v & 1 ? -1 : 1);
        setup.s.s_rev = odd_vector(setup.s.d[REV].count, k & 1 ? 0 : 2, 1);
        setup.s.s_gen = odd_vector(setup.s.d[GEN].count, k & 2 ? 0 : 3, 1);
        setup.s.w_rev = odd_vector(setup.s.d[REV].count, k & 1 ? 4 : 0, 1);
        assert_true(isfinite(opa_total(&setup)));
        memcpy(slope, setup.s.slope, sizeof slope);
        for (int v = 0; v < VIEWS; v++)
            check_slopes(views[v], &setup.s.d[v], slope[v], opa_total, &setup);
    }
}

#endif
