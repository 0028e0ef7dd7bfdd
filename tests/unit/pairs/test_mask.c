/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/pairs.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Numbers made by a Python script that was written from the specification alone. */
static void seeds_follow_from_id_seed_and_visit(void **state)
{
    (void)state;
    assert_true(opa_mask_seed(OPA_TEXT("a"), 0, 0) == 0x43c73cc38d46e086u);
    assert_true(opa_mask_seed(OPA_TEXT("AMBER_33-0123456789ab"), 42, 0) == 0x8c4ff76f2b0b528cu);
    assert_true(opa_mask_seed(OPA_TEXT("AMBER_33-0123456789ab"), 42, 7) == 0x1f4d621888f23cbdu);
    assert_true(opa_mask_seed(OPA_TEXT("gr\xC3\xB6\xC3\x9F"
                                       "e"),
                              UINT64_MAX, 1) == 0xafbe6ae82f367e79u);
}

static uint64_t fold(const uint32_t *positions, size_t n)
{
    uint64_t h = 0;
    for (size_t i = 0; i < n; i++)
        h = h * 31 + positions[i];
    return h;
}

static void draws_are_those_of_the_specification(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        double ratio;
        uint64_t seed, hash;
        size_t k;
    } cases[] = {
        {10, 0.3, 0, 0x1e86, 3},
        {16, 0.5, 0x43c73cc38d46e086u, 0x351b7d04ca, 8},
        {1, 1.0, 5, 0, 1},
        {336 * 336, 0.3, 12345, 0x825e77847c9383bcu, 33868},
    };
    uint32_t *positions = malloc(336 * 336 * sizeof *positions);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(opa_mask_draw(positions, cases[i].n, cases[i].ratio, cases[i].seed), cases[i].k);
        assert_true(fold(positions, cases[i].k) == cases[i].hash);
    }
    free(positions);
}

static void strange_ratios_draw_none_or_all(void **state)
{
    (void)state;
    uint32_t p[7];
    assert_int_equal(opa_mask_draw(p, 7, 0, 1), 0);
    assert_int_equal(opa_mask_draw(p, 7, -1, 1), 0);
    assert_int_equal(opa_mask_draw(p, 7, NAN, 1), 0);
    assert_int_equal(opa_mask_draw(p, 7, 3, 1), 7);
    assert_int_equal(opa_mask_draw(p, 0, 1, 1), 0);
    bool seen[7] = {false};
    opa_mask_draw(p, 7, 1, 99);
    for (int i = 0; i < 7; i++)
        seen[p[i]] = true;
    for (int i = 0; i < 7; i++)
        assert_true(seen[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_follow_from_id_seed_and_visit),
        cmocka_unit_test(draws_are_those_of_the_specification),
        cmocka_unit_test(strange_ratios_draw_none_or_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
