/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for any coefficients; that they are Pillow's is shown by the pixels in test_preprocess.c. */
#include "helper.h"

#include <math.h>

#include "image/filter.h"

static void check(uint32_t in, uint64_t out, uint64_t begin, uint32_t count)
{
    ops_filter f;
    assert_int_equal(image_filter_init(&f, in, out, begin, count), 0);
    assert_int_equal(f.outputs, count);
    assert_int_equal(f.taps % OPS_FILTER_UNIT, 0);
    for (size_t i = 0; i < count; i++) {
        int64_t sum = 0, moment = 0;
        for (size_t x = 0; x < f.taps; x++) {
            const int32_t k = f.coefficients[i * f.taps + x];
            assert_true(x < f.count[i] || k == 0);
            sum += k;
            moment += k * (int64_t)x;
        }
        assert_true(f.count[i] > 0 && (uint64_t)f.first[i] + f.count[i] <= in);
        /* each is off by half a unit at most */
        assert_in_range((uint64_t)(sum - (1 << OPS_FILTER_BITS) + f.count[i]), 0, 2 * f.count[i]);
        /* away from the edges the weights' centre is the pixel's */
        const double center = ((double)(begin + i) + 0.5) * in / (double)out - 0.5;
        if (f.first[i] > 0 && f.first[i] + f.count[i] < in)
            assert_true(fabs(f.first[i] + (double)moment / (1 << OPS_FILTER_BITS) - center) <
                        0.1 * (1 + (double)in / (double)out));
    }
    image_filter_release(&f);
    image_filter_release(&f);
}

static void test_sums(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        const uint64_t out = 1 + rng_below(400), begin = rng_below(out);
        check((uint32_t)(1 + rng_below(round % 2 ? 50 : 5000)), out, begin, (uint32_t)(1 + rng_below(out - begin)));
    }
    check(1, 1, 0, 1);
    check(1000000, 7, 0, 7);
    check(1000000, (uint64_t)336 * 1000000, (uint64_t)336 * 500000, 336); /* a line's crop */
}

/* The same size: every pixel is itself. */
static void test_identity(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 100; n += 7) {
        ops_filter f;
        assert_int_equal(image_filter_init(&f, n, n, 0, n), 0);
        for (size_t i = 0; i < n; i++)
            for (size_t x = 0; x < f.taps; x++)
                assert_int_equal(f.coefficients[i * f.taps + x], f.first[i] + x == i ? 1 << OPS_FILTER_BITS : 0);
        image_filter_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sums, seed_setup),
        cmocka_unit_test(test_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
