/* SPDX-License-Identifier: Apache-2.0 */
#include "align/myers.h"

#include "support.h"

/* Naive twin: the longest common subsequence by the table. */
static size_t lcs(const uint32_t *a, size_t n, const uint32_t *b, size_t m)
{
    size_t *row = calloc((n + 1) * (m + 1), sizeof *row);
    for (size_t i = n; i-- > 0;)
        for (size_t j = m; j-- > 0;) {
            const size_t down = row[(i + 1) * (m + 1) + j], right = row[i * (m + 1) + j + 1];
            row[i * (m + 1) + j] = a[i] == b[j] ? row[(i + 1) * (m + 1) + j + 1] + 1 : down > right ? down : right;
        }
    const size_t length = row[0];
    free(row);
    return length;
}

/* Matched numbers, checked to be a common subsequence. */
static size_t matched(const opa_sequences *s)
{
    size_t i = 0, j = 0, n = 0;
    for (;;) {
        while (i < s->a_count && s->a_changed[i])
            i++;
        while (j < s->b_count && s->b_changed[j])
            j++;
        if (i == s->a_count || j == s->b_count)
            break;
        assert_int_equal(s->a[i++], s->b[j++]);
        n++;
    }
    assert_int_equal(i, s->a_count);
    assert_int_equal(j, s->b_count);
    return n;
}

static size_t run(const uint32_t *a, size_t n, const uint32_t *b, size_t m, uint32_t kinds)
{
    opa_arena *arena = opa_arena_new();
    uint8_t *changed = calloc(n + m + 1, 1);
    const opa_sequences s = {a, b, n, m, kinds, changed, changed + n};
    assert_true(opa_myers(arena, &s));
    const size_t same = matched(&s);
    free(changed);
    opa_arena_free(arena);
    return same;
}

static void shortest(void **state)
{
    (void)state;
    uint64_t seed = random_seed("shortest");
    uint32_t a[97], b[89];
    for (int round = 0; round < 3000; round++) {
        const uint32_t kinds = 1 + (uint32_t)random_below(&seed, 30);
        const size_t n = random_below(&seed, 97), m = random_below(&seed, 89);
        for (size_t i = 0; i < n; i++)
            a[i] = (uint32_t)random_below(&seed, kinds);
        for (size_t i = 0; i < m; i++)
            b[i] = (uint32_t)random_below(&seed, kinds);
        assert_int_equal(run(a, n, b, m, kinds), lcs(a, n, b, m));
    }
}

/* Beyond the limit of edits: still a common subsequence, at once, and unique numbers are matched. */
static void large(void **state)
{
    (void)state;
    enum { N = 60000 };
    uint32_t *a = calloc(N, sizeof *a), *b = calloc(N, sizeof *b);
    uint64_t seed = random_seed("large");
    for (uint32_t i = 0; i < N; i++) {
        a[i] = i;
        b[i] = i % 3 ? i : N + i;
    }
    assert_int_equal(run(a, N, b, N, 2 * N), N - N / 3);
    for (uint32_t i = 0; i < N; i++)
        b[i] = N + i;
    assert_int_equal(run(a, N, b, N, 2 * N), 0);
    for (uint32_t i = 0; i < N; i++) {
        a[i] = (uint32_t)random_below(&seed, 7);
        b[i] = (uint32_t)random_below(&seed, 7);
    }
    assert_true(run(a, N, b, N, 7) > N / 3);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shortest), cmocka_unit_test(large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
