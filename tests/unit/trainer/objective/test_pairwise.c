/* SPDX-License-Identifier: Apache-2.0 */
/* Every pairwise loss against stored values and against finite differences. */
#include "helper.h"

#include "objective/pairwise.h"

static const struct pairwise *const rows[] = {
    &pairwise_sigmoid,      &pairwise_cdpo,     &pairwise_robust,    &pairwise_hinge,    &pairwise_ipo,
    &pairwise_sigmoid_norm, &pairwise_simpo,    &pairwise_orpo,      &pairwise_rpo,      &pairwise_ddpo,
    &pairwise_ddpo_sum,     &pairwise_mdpo,     &pairwise_hsa,       &pairwise_bco_pair, &pairwise_nca_pair,
    &pairwise_apo_zero,     &pairwise_apo_down, &pairwise_sppo_hard,
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* A pair with its vectors; the loss is computed anew by every total(). */
struct setup {
    const struct pairwise *row;
    struct coefficients c;
    struct vector chosen, rejected, masked, ref_chosen, ref_rejected, ref_masked, by_chosen, by_rejected;
    double slope[3][MOST];
    bool reference, weighted, with_masked;
};

static struct objective_side side(const struct setup *s, const struct vector *policy, const struct vector *reference,
                                  const struct vector *weights, double *slope)
{
    return (struct objective_side){policy->x, s->reference ? reference->x : NULL, s->weighted ? weights->x : NULL,
                                   slope, policy->count};
}

static double total(void *arg)
{
    struct setup *s = arg;
    struct terms terms = {0};
    memset(s->slope, 0, sizeof s->slope);
    const struct objective_pair pair = {.type = PAIR_LANGUAGE,
                                        .chosen = side(s, &s->chosen, &s->ref_chosen, &s->by_chosen, s->slope[0]),
                                        .rejected =
                                            side(s, &s->rejected, &s->ref_rejected, &s->by_rejected, s->slope[1])};
    const struct objective_side masked = side(s, &s->masked, &s->ref_masked, &s->by_chosen, s->slope[2]);
    if (s->with_masked)
        pairwise_add_masked(s->row, &s->c, 1, &pair, &masked, &terms);
    else
        pairwise_add(s->row, &s->c, 1, &pair, &terms);
    return terms.total;
}

static double setting(const struct cJSON *settings, const char *key)
{
    double x = 0;
    const struct cJSON *value = opa_json_get(settings, key);
    return value != NULL && opa_json_number(losses.doc, value, &x) ? x : 0;
}

static void weigh(struct vector *out, struct vector changed, double gamma)
{
    *out = changed;
    for (size_t i = 0; i < changed.count; i++)
        out->x[i] = 1 + (gamma - 1) * changed.x[i];
}

static void read_setup(struct setup *s, const struct pairwise *row, const struct cJSON *inputs)
{
    const struct cJSON *settings = opa_json_get(opa_json_get(opa_json_root(losses.doc), "settings"), row->name);
    *s = (struct setup){.row = row,
                        .c = {.beta = setting(settings, "beta"),
                              .label_smoothing = setting(settings, "eps"),
                              .lambda = setting(settings, "lam"),
                              .alpha = setting(settings, "alpha"),
                              .delta = setting(settings, "delta"),
                              .severity = setting(settings, "severity")},
                        .reference = strcmp(row->name, "simpo") != 0 && strcmp(row->name, "orpo") != 0,
                        .weighted = strncmp(row->name, "ddpo", 4) == 0,
                        .with_masked = strcmp(row->name, "mdpo") == 0};
    s->c.margin = s->weighted ? 0 : setting(settings, "gamma");
    s->chosen = vector(inputs, "chosen");
    s->rejected = vector(inputs, "rejected");
    s->masked = vector(inputs, "chosen_masked");
    s->ref_chosen = vector(inputs, "ref_chosen");
    s->ref_rejected = vector(inputs, "ref_rejected");
    s->ref_masked = vector(inputs, "ref_chosen_masked");
    weigh(&s->by_chosen, vector(inputs, "chosen_changed"), setting(settings, "gamma"));
    weigh(&s->by_rejected, vector(inputs, "rejected_changed"), setting(settings, "gamma"));
}

static void check_row(const struct pairwise *row, const struct cJSON *stored)
{
    static struct setup s;
    read_setup(&s, row, opa_json_get(stored, "inputs"));
    const struct cJSON *want = opa_json_get(opa_json_get(stored, "outputs"), row->name);
    const struct vector chosen = vector(want, "d_chosen"), rejected = vector(want, "d_rejected"),
                        masked = vector(want, "d_chosen_masked");
    assert_int_equal(chosen.count, s.chosen.count);
    assert_int_equal(masked.count, s.with_masked ? s.masked.count : 0);
    assert_close(row->name, total(&s), number(want, "loss"), 1e-10);
    assert_vector(row->name, s.slope[0], &chosen);
    assert_vector(row->name, s.slope[1], &rejected);
    assert_vector(row->name, s.slope[2], &masked);
}

static void test_stored(void **state)
{
    (void)state;
    const struct cJSON *list = opa_json_get(opa_json_root(losses.doc), "rows");
    size_t count = 0;
    for (const struct cJSON *stored = json_first(list); stored != NULL; stored = json_next(stored), count++) {
        assert_int_equal(json_count(opa_json_get(stored, "outputs")), ROWS);
        for (size_t r = 0; r < ROWS; r++)
            check_row(rows[r], stored);
    }
    assert_true(count >= 12);
}

/* Weights on every loss, far margins, and a scale, which the stored values do not have. */
static void test_differences(void **state)
{
    (void)state;
    static struct setup s;
    static double slope[3][MOST];
    const struct cJSON *stored = nth(opa_json_get(opa_json_root(losses.doc), "rows"), 3);
    for (size_t r = 0; r < ROWS; r++) {
        read_setup(&s, rows[r], opa_json_get(stored, "inputs"));
        s.weighted = true;
        for (size_t i = 0; i < s.by_chosen.count; i++)
            s.by_chosen.x[i] = 1 + 0.3 * (double)i;
        for (size_t i = 0; i < s.by_rejected.count; i++)
            s.by_rejected.x[i] = 2 - 0.2 * (double)i;
        total(&s);
        memcpy(slope, s.slope, sizeof slope);
        check_slopes(rows[r]->name, &s.chosen, slope[0], total, &s);
        check_slopes(rows[r]->name, &s.rejected, slope[1], total, &s);
        if (s.with_masked)
            check_slopes(rows[r]->name, &s.masked, slope[2], total, &s);
    }
}

static void check_odd(struct setup *s, const char *what)
{
    static double slope[3][MOST];
    const double value = total(s);
    if (!isfinite(value))
        fail_msg("%s, %s: %g", s->row->name, what, value);
    memcpy(slope, s->slope, sizeof slope);
    check_slopes(s->row->name, &s->chosen, slope[0], total, s);
    check_slopes(s->row->name, &s->rejected, slope[1], total, s);
    if (s->with_masked)
        check_slopes(s->row->name, &s->masked, slope[2], total, s);
}

/* Log-ratios from hundredths to tens of thousands of either sign, responses of one token, weights of which some or all are
 * 0: the loss is a number, and its slopes are those of central differences. */
static void test_odd_values(void **state)
{
    (void)state;
    static struct setup s;
    static const double sizes[] = {0.01, 0.9, 30, 900, 20000};
    const struct cJSON *stored = nth(opa_json_get(opa_json_root(losses.doc), "rows"), 0);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t k = 0; k < 4 * sizeof sizes / sizeof sizes[0]; k++) {
            const double size = sizes[k / 4], one = k & 1 ? -1 : 1, other = k & 2 ? -1 : 1;
            read_setup(&s, rows[r], opa_json_get(stored, "inputs"));
            /* log-probs are not above 0; the reference's distance makes the sign */
            s.chosen = odd_vector(1 + k % 3, size, -1);
            s.rejected = odd_vector(3 - k % 3, size * 1.1, -1);
            s.masked = odd_vector(1 + k % 3, size * 0.7, -1);
            s.ref_chosen = odd_vector(s.chosen.count, size * (1 + one * 0.9), -1);
            s.ref_rejected = odd_vector(s.rejected.count, size * (1 + other * 0.8), -1);
            s.ref_masked = odd_vector(s.masked.count, size, -1);
            for (int weights = 0; weights < 3; weights++) { /* none, some 0, all 0 on one side */
                s.weighted = weights > 0;
                s.by_chosen = odd_vector(s.chosen.count, weights == 2 ? 0 : 2, 1);
                s.by_rejected = odd_vector(s.rejected.count, 3, 1);
                s.by_rejected.x[0] = s.rejected.count > 1 ? 0 : 3;
                check_odd(&s, weights == 2 ? "no weight" : "odd values");
            }
        }
    }
}

/* A mean log-prob of 0, or a rounding above it: the odds are large, not infinite. */
static void test_certainty(void **state)
{
    (void)state;
    static const double certain[] = {0, 1e-9, -1e-12};
    for (size_t i = 0; i < 9; i++) {
        struct scores slope = {0};
        const struct scores s = {.chosen = certain[i / 3], .rejected = certain[i % 3]};
        const double loss = pairwise_orpo.loss(&slope, &s, &(struct coefficients){.lambda = 0.1});
        assert_true(isfinite(loss) && isfinite(slope.chosen) && isfinite(slope.rejected));
    }
}

/* exp() of a margin of thousands overflows; the loss does not. */
static void test_extremes(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct scores slope = {0};
        const struct scores s = {.chosen = sign * 1e5, .rejected = -sign * 1e5};
        const double loss = pairwise_sigmoid.loss(&slope, &s, &(struct coefficients){.beta = 0.1});
        assert_close("loss", loss, sign > 0 ? 0 : 2e4, 1e-10);
        assert_close("slope", slope.chosen, sign > 0 ? 0 : -0.1, 1e-10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stored), cmocka_unit_test(test_differences),
                                       cmocka_unit_test(test_odd_values), cmocka_unit_test(test_certainty),
                                       cmocka_unit_test(test_extremes)};
    return cmocka_run_group_tests(tests, open_losses, close_losses);
}
