/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "ops/rows.h"

/* Ascending places of a random choice of @p rows rows. */
static size_t choose(size_t *places, size_t rows)
{
    size_t count = 0;
    const size_t one_of = 1 + rng_below(4);
    for (size_t i = 0; i < rows; i++)
        if (rng_below(one_of) == 0)
            places[count++] = i;
    return count;
}

static void check(const ops_context *ctx, size_t rows, size_t width)
{
    size_t places[400];
    const size_t count = choose(places, rows), n = rows * width;
    const float *from = floats(n, 1), *more = floats(count * width, 1);
    float *to = floats(n, 1), *sum = floats(n, 1), *some = floats(count * width, 1);
    ops_copy(ctx, to, from, n);
    assert_memory_equal(to, from, n * sizeof *to);
    ops_gather_rows(ctx, some, from, places, count, width);
    memcpy(sum, from, n * sizeof *sum);
    ops_add_rows(ctx, sum, more, places, count, width);
    memcpy(to, some, count * width * sizeof *to);
    ops_spread_rows(to, places, count, rows, width);
    for (size_t i = 0, next = 0; i < rows; i++) {
        const bool chosen = next < count && places[next] == i;
        for (size_t j = 0; j < width; j++) {
            const float x = from[i * width + j];
            if (chosen)
                assert_float_equal(some[next * width + j], x, 0);
            assert_float_equal(to[i * width + j], chosen ? x : 0, 0);
            ASSERT_NEAR(sum[i * width + j], chosen ? x + more[next * width + j] : x, 2e-7);
        }
        next += chosen;
    }
    forget();
}

static void sizes(const ops_context *ctx)
{
    for (int round = 0; round < 20; round++)
        check(ctx, 1 + rng_below(30), 1 + rng_below(40));
    check(ctx, 400, 300);
}

static void test_rows(void **state)
{
    (void)state;
    each_context(sizes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_rows, seed_setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
