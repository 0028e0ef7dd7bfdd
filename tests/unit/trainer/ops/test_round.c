/* SPDX-License-Identifier: Apache-2.0 */
/* Every value of the 16-bit types, what lies half-way between two of them, and what lies just beside that. */
#include "helper.h"

#include "ops/round.h"

static uint16_t rounded(const ops_context *ctx, ops_dtype to, float x)
{
    uint16_t out;
    ops_round(ctx, &out, to, &x, 1);
    return out;
}

static void between(const ops_context *ctx, ops_dtype to, uint16_t low)
{
    const uint16_t bits[4] = {low, (uint16_t)(low + 1)}; /* as much as two float32 take, which decode() could be asked for */
    const float a = (float)decode(to, bits, 0), b = (float)decode(to, bits, 1);
    assert_int_equal(rounded(ctx, to, a), low);
    if (isinf(b))
        return;
    const float half = a + (b - a) / 2; /* exact: float32 has 13 bits more, or more */
    assert_int_equal(rounded(ctx, to, half), low % 2 == 0 ? low : low + 1);
    assert_int_equal(rounded(ctx, to, nextafterf(half, a)), low);
    assert_int_equal(rounded(ctx, to, nextafterf(half, b)), low + 1);
}

static void all_values(const ops_context *ctx)
{
    const uint16_t infinite[] = {[OPS_BF16] = 0x7F80, [OPS_F16] = 0x7C00};
    for (int to = OPS_BF16; to <= OPS_F16; to++) {
        for (uint16_t i = 0; i < infinite[to]; i++) {
            between(ctx, (ops_dtype)to, i);
            between(ctx, (ops_dtype)to, (uint16_t)(0x8000 | i));
        }
        assert_int_equal(rounded(ctx, (ops_dtype)to, INFINITY), infinite[to]);
        assert_int_equal(rounded(ctx, (ops_dtype)to, -INFINITY), 0x8000 | infinite[to]);
        assert_true((rounded(ctx, (ops_dtype)to, NAN) & 0x7FFF) > infinite[to]);
    }
    assert_int_equal(rounded(ctx, OPS_F16, 65519.0f), 0x7BFF);
    assert_int_equal(rounded(ctx, OPS_F16, 65520.0f), 0x7C00);
    assert_int_equal(rounded(ctx, OPS_F16, -1e30f), 0xFC00);
}

/* Long rows go through vectors. */
static void rows(const ops_context *ctx)
{
    for (int to = OPS_F32; to <= OPS_F16; to++) {
        const size_t n = 1 + rng_below(300);
        const float *x = floats(n, 1);
        uint32_t *out = remember((n + 1) * sizeof *out);
        memset(out, 0xA5, (n + 1) * sizeof *out);
        ops_round(ctx, out, (ops_dtype)to, x, n);
        for (size_t i = 0; i < n && to != OPS_F32; i++)
            assert_int_equal(((uint16_t *)out)[i], rounded(ctx, (ops_dtype)to, x[i]));
        assert_true(to != OPS_F32 || memcmp(out, x, n * sizeof *x) == 0);
        assert_int_equal(((unsigned char *)out)[n * ops_dtype_size((ops_dtype)to)], 0xA5);
        forget();
    }
}

static void test_all_values(void **state)
{
    (void)state;
    each_context(all_values);
}

static void test_rows(void **state)
{
    (void)state;
    each_context(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_values, seed_setup),
        cmocka_unit_test_setup(test_rows, seed_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
