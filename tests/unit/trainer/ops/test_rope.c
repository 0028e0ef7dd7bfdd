/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "ops/rope.h"

static void check(const ops_context *ctx, size_t tokens, size_t heads, size_t half, float scaling)
{
    const size_t stride = heads * 2 * half + rng_below(5);
    int32_t *positions = remember(tokens * sizeof *positions);
    float *inv_freq = floats(half, 1), *x = floats(tokens * stride, 1);
    float *before = remember(tokens * stride * sizeof *x);
    memcpy(before, x, tokens * stride * sizeof *x);
    for (size_t t = 0; t < tokens; t++)
        positions[t] = (int32_t)rng_below(5000);
    for (size_t i = 0; i < half; i++)
        inv_freq[i] = powf(10000, -(float)i / (float)half);
    ops_rope rope;
    assert_int_equal(ops_rope_init(&rope, positions, tokens, inv_freq, half, scaling), 0);
    ops_rope_forward(ctx, x, stride, heads, &rope);
    for (size_t t = 0; t < tokens; t++)
        for (size_t e = 0; e < stride; e++) {
            const size_t i = e % half, at = t * stride + e;
            const float angle = (float)positions[t] * inv_freq[i]; /* one rounding, as in transformers */
            const double c = cos((double)angle) * scaling, s = sin((double)angle) * scaling;
            const bool first = e / half % 2 == 0;
            const double want = e >= heads * 2 * half ? before[at]
                                : first               ? before[at] * c - before[at + half] * s
                                                      : before[at] * c + before[at - half] * s;
            ASSERT_NEAR(x[at], want, 3e-7 * (1 + scaling));
        }
    ops_rope_release(&rope);
    ops_rope_release(&rope);
    forget();
}

/* A rotation is linear: its gradient is its transpose, <R x, y> = <x, R^T y>, and what lies beyond the heads stays. */
static void check_backward(const ops_context *ctx, size_t tokens, size_t heads, size_t half)
{
    const size_t width = heads * 2 * half, stride = width + rng_below(5);
    int32_t *positions = remember(tokens * sizeof *positions);
    const float *inv_freq = floats(half, 1), *x = floats(tokens * stride, 1), *y = floats(tokens * stride, 1);
    float *rx = remember(tokens * stride * sizeof *rx), *ry = remember(tokens * stride * sizeof *ry);
    memcpy(rx, x, tokens * stride * sizeof *x);
    memcpy(ry, y, tokens * stride * sizeof *y);
    for (size_t t = 0; t < tokens; t++)
        positions[t] = (int32_t)rng_below(5000);
    ops_rope rope;
    assert_int_equal(ops_rope_init(&rope, positions, tokens, inv_freq, half, 1), 0);
    ops_rope_forward(ctx, rx, stride, heads, &rope);
    ops_rope_backward(ctx, ry, stride, heads, &rope);
    for (size_t t = 0; t < tokens; t++)
        for (size_t i = 0; i < half; i++)
            for (size_t h = 0; h < heads; h++) {
                const size_t a = t * stride + h * 2 * half + i, b = a + half;
                const double forth = (double)rx[a] * y[a] + (double)rx[b] * y[b];
                const double back = (double)x[a] * ry[a] + (double)x[b] * ry[b];
                ASSERT_NEAR(forth, back, 1e-6);
                ASSERT_NEAR(ry[a], y[a] * rope.cos[t * half + i] + (double)y[b] * rope.sin[t * half + i], 4e-7);
            }
    for (size_t t = 0; t < tokens; t++)
        assert_memory_equal(ry + t * stride + width, y + t * stride + width, (stride - width) * sizeof *y);
    ops_rope_release(&rope);
    forget();
}

static void sizes(const ops_context *ctx)
{
    for (int round = 0; round < 20; round++)
        check(ctx, 1 + rng_below(20), 1 + rng_below(4), 1 + rng_below(40), round % 3 ? 1 : 1.25f);
    check(ctx, 300, 4, 64, 1); /* several threads */
    for (int round = 0; round < 12; round++)
        check_backward(ctx, 1 + rng_below(20), 1 + rng_below(4), 1 + rng_below(40));
    check_backward(ctx, 300, 4, 64);
}

static void test_rope(void **state)
{
    (void)state;
    each_context(sizes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_rope, seed_setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
