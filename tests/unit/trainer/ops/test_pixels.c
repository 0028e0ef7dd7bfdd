/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "ops/pixels.h"

static uint8_t filter_naive(const uint8_t *pixels, size_t stride, const int32_t *coefficients, size_t count)
{
    int64_t sum = 1 << (OPS_FILTER_BITS - 1);
    for (size_t i = 0; i < count; i++)
        sum += (int64_t)pixels[i * stride] * coefficients[i];
    sum >>= OPS_FILTER_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static uint8_t *bytes(size_t n)
{
    uint8_t *p = remember(n);
    for (size_t i = 0; i < n; i++)
        p[i] = rng_below(4) ? (uint8_t)rng_next() : (uint8_t)(255 * rng_below(2));
    return p;
}

/* Weights that let sums leave 0..255 on both sides, and stay within 32 bits as real ones do. */
static ops_filter random_filter(size_t inputs, size_t outputs, size_t most)
{
    ops_filter f = {.outputs = outputs, .taps = (most + OPS_FILTER_UNIT - 1) / OPS_FILTER_UNIT * OPS_FILTER_UNIT};
    f.first = remember(outputs * sizeof *f.first);
    f.count = remember(outputs * sizeof *f.count);
    f.coefficients = remember(outputs * f.taps * sizeof *f.coefficients);
    memset(f.coefficients, 0, outputs * f.taps * sizeof *f.coefficients);
    for (size_t i = 0; i < outputs; i++) {
        f.count[i] = (uint32_t)(1 + rng_below(most < inputs ? most : inputs));
        f.first[i] = (uint32_t)rng_below(inputs - f.count[i] + 1);
        for (size_t x = 0; x < f.count[i]; x++)
            f.coefficients[i * f.taps + x] = (int32_t)(rng_float(1.9f) / (float)f.count[i] * (1 << OPS_FILTER_BITS));
    }
    return f;
}

static void check(const ops_context *ctx, size_t inputs, size_t outputs, size_t most)
{
    const ops_filter f = random_filter(inputs, outputs, most);
    uint8_t *rgb = bytes(inputs * 3), *out = remember(outputs * 3), *planes[3];
    for (int c = 0; c < 3; c++)
        planes[c] = bytes(inputs + OPS_FILTER_UNIT);
    ops_split_rgb(ctx, planes, rgb, inputs);
    ops_filter_row(ctx, out, (const uint8_t *const[]){planes[0], planes[1], planes[2]}, &f);
    for (size_t i = 0; i < outputs * 3; i++)
        assert_int_equal(
            out[i], filter_naive(rgb + f.first[i / 3] * 3 + i % 3, 3, f.coefficients + i / 3 * f.taps, f.count[i / 3]));
    const size_t n = 1 + rng_below(150);
    uint8_t *rows = bytes(inputs * n), *column = remember(n);
    for (size_t i = 0; i < outputs; i++) {
        ops_filter_column(ctx, column, rows, n, &f, i);
        for (size_t x = 0; x < n; x++)
            assert_int_equal(column[x],
                             filter_naive(rows + f.first[i] * n + x, n, f.coefficients + i * f.taps, f.count[i]));
    }
    forget();
}

static void sizes(const ops_context *ctx)
{
    for (int round = 0; round < 40; round++)
        check(ctx, 1 + rng_below(200), 1 + rng_below(40), 1 + rng_below(70));
}

static void test_filters(void **state)
{
    (void)state;
    each_context(sizes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_filters, seed_setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
