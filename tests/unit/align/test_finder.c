/* SPDX-License-Identifier: Apache-2.0 */
#include "align/finder.h"

#include "support.h"

static size_t naive(opa_text hay, opa_text needle, size_t from)
{
    for (size_t i = from; needle.size && i + needle.size <= hay.size; i++)
        if (memcmp(hay.data + i, needle.data, needle.size) == 0)
            return i;
    return SIZE_MAX;
}

/* Enough needles that the index is built on the way; every place of each must be the naive twin's. */
static void twins(void **state)
{
    (void)state;
    uint64_t seed = random_seed("twins");
    char text[600];
    for (int round = 0; round < 30; round++) {
        const size_t n = 1 + random_below(&seed, 600);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)('a' + random_below(&seed, 2));
        const opa_text hay = {text, n};
        opa_finder f = {.hay = hay, .arena = opa_arena_new()};
        for (int k = 0; k < 300; k++) {
            const size_t at = random_below(&seed, n);
            const size_t rest = n - at < 20 ? n - at : 20;
            const opa_text needle = {text + at, 1 + random_below(&seed, rest)};
            size_t from = 0;
            do {
                const size_t want = naive(hay, needle, from);
                assert_int_equal(opa_finder_next(&f, needle, from), want);
                from = want + 1;
            } while (from != 0);
        }
        /* In very short texts there may have been no needle long enough for the index. */
        assert_true(f.head != NULL || n < 64);
        opa_arena_free(f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(twins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
