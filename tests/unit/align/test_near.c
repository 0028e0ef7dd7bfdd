/* SPDX-License-Identifier: Apache-2.0 */
#include "align/near.h"

#include "support.h"

/* Naive twin (Sellers 1980): the fewest edits with which the pattern stands somewhere. */
static size_t sellers(opa_text text, opa_text pattern)
{
    size_t *column = calloc(pattern.size + 1, sizeof *column);
    for (size_t i = 0; i <= pattern.size; i++)
        column[i] = i;
    size_t best = pattern.size;
    for (size_t j = 0; j < text.size; j++) {
        size_t diagonal = 0;
        for (size_t i = 1; i <= pattern.size; i++) {
            size_t v = diagonal + (text.data[j] != pattern.data[i - 1]);
            diagonal = column[i];
            v = v < column[i] + 1 ? v : column[i] + 1;
            column[i] = v < column[i - 1] + 1 ? v : column[i - 1] + 1;
        }
        best = column[pattern.size] < best ? column[pattern.size] : best;
    }
    free(column);
    return best;
}

/* Edit distance of whole texts. */
static size_t distance(opa_text a, opa_text b)
{
    size_t *row = calloc(b.size + 1, sizeof *row);
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t v = diagonal + (a.data[i - 1] != b.data[j - 1]);
            diagonal = row[j];
            v = v < row[j] + 1 ? v : row[j] + 1;
            row[j] = v < row[j - 1] + 1 ? v : row[j - 1] + 1;
        }
    }
    const size_t d = row[b.size];
    free(row);
    return d;
}

static void twins(void **state)
{
    (void)state;
    uint64_t seed = random_seed("twins");
    char text[400], pattern[200];
    size_t hits = 0;
    for (int round = 0; round < 2000; round++) {
        const size_t n = 1 + random_below(&seed, 399), m = 1 + random_below(&seed, n < 199 ? n : 199);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)('a' + random_below(&seed, 4));
        memcpy(pattern, text + random_below(&seed, n - m + 1), m);
        for (size_t k = random_below(&seed, 12); k > 0; k--)
            pattern[random_below(&seed, m)] = (char)('a' + random_below(&seed, 5));
        const opa_text t = {text, n}, p = {pattern, m};
        const size_t best = sellers(t, p), limit = random_below(&seed, 10);
        opa_arena *arena = opa_arena_new();
        opa_span s;
        size_t edits;
        const bool found = opa_near_find(arena, &s, &edits, t, p, limit);
        if (best > limit)
            assert_false(found);
        if (found) {
            assert_int_equal(edits, best);
            assert_int_equal(distance((opa_text){text + s.begin, s.end - s.begin}, p), best);
            hits++;
        } else {
            /* Only the empty place is no place. */
            assert_true(best > limit || best == m);
        }
        opa_arena_free(arena);
    }
    assert_true(hits > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(twins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
