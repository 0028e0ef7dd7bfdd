/* SPDX-License-Identifier: Apache-2.0 */
#include "align/chain.h"

#include "support.h"

/* Naive twin: the best value over all subsets, by trying. The bonus is the module's. */
static int64_t best_from(const opa_candidate *c, size_t n, size_t i, const opa_candidate *last)
{
    if (i == n)
        return 0;
    int64_t best = best_from(c, n, i + 1, last);
    if (!last || (c[i].owner != last->owner && c[i].span.begin >= last->after)) {
        const int64_t tile = last && c[i].span.begin == last->after ? 16 : 0;
        const int64_t with = c[i].weight + tile + best_from(c, n, i + 1, &c[i]);
        best = with > best ? with : best;
    }
    return best;
}

static int64_t value(const opa_candidate *c, size_t n)
{
    int64_t v = 0;
    const opa_candidate *last = NULL;
    for (size_t i = 0; i < n; i++)
        if (c[i].chosen) {
            assert_true(!last || (c[i].owner > last->owner && c[i].span.begin >= last->after));
            v += c[i].weight + (last && c[i].span.begin == last->after ? 16 : 0);
            last = &c[i];
        }
    return v;
}

static void twins(void **state)
{
    (void)state;
    uint64_t seed = random_seed("twins");
    opa_candidate c[12];
    for (int round = 0; round < 3000; round++) {
        const size_t n = random_below(&seed, 13);
        size_t owner = 0;
        for (size_t i = 0; i < n; i++) {
            const size_t at = random_below(&seed, 30), size = 1 + random_below(&seed, 8);
            c[i] = (opa_candidate){.owner = owner,
                                   .span = {at, at + size},
                                   .after = at + size + random_below(&seed, 2),
                                   .weight = 1 + (int64_t)random_below(&seed, 90)};
            owner += random_below(&seed, 2);
        }
        opa_arena *arena = opa_arena_new();
        assert_true(opa_chain(arena, c, n));
        assert_int_equal(value(c, n), best_from(c, n, 0, NULL));
        opa_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(twins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
