/* SPDX-License-Identifier: Apache-2.0 */
/* Look-up, and what the 16-bit types mean: all 65,536 values of each. */
#include "helper.h"

#include "ops/embed.h"

static void all_values(const ops_context *ctx)
{
    uint16_t *bits = remember(65536 * sizeof *bits);
    float *out = floats(65536, 1);
    for (size_t i = 0; i < 65536; i++)
        bits[i] = (uint16_t)i;
    for (int d = OPS_BF16; d <= OPS_F16; d++) {
        ops_expand(ctx, out, (ops_matrix){bits, 1, 65536, 65536, (ops_dtype)d}, 0, 1);
        for (size_t i = 0; i < 65536; i++) {
            const double want = decode((ops_dtype)d, bits, i);
            if (isnan(want) ? !isnan(out[i]) : out[i] != want || !signbit(out[i]) != !signbit(want))
                fail_msg("%s %#zx: %g, not %g (%s)", ops_dtype_name((ops_dtype)d), i, out[i], want, ops_isa(ctx));
        }
    }
    forget();
}

static void look_up(const ops_context *ctx)
{
    for (int d = OPS_F32; d <= OPS_F16; d++)
        for (int round = 0; round < 10; round++) {
            const size_t count = 1 + rng_below(60), width = 1 + rng_below(1500), stride = width + rng_below(4);
            const ops_matrix table = matrix((ops_dtype)d, 1 + rng_below(30), width, rng_below(3));
            int32_t *ids = remember(count * sizeof *ids);
            float *out = floats(count * stride, 1), *before = remember(count * stride * sizeof *out);
            memcpy(before, out, count * stride * sizeof *out);
            for (size_t i = 0; i < count; i++)
                ids[i] = (int32_t)rng_below(table.rows + 1) - 1;
            ops_embed_forward(ctx, out, stride, table, ids, count);
            for (size_t i = 0; i < count * stride; i++) {
                const bool kept = i % stride >= width || ids[i / stride] < 0;
                assert_true(out[i] == (kept ? before[i] : element(&table, (size_t)ids[i / stride], i % stride)));
            }
            forget();
        }
}

static void test_all_values(void **state)
{
    (void)state;
    each_context(all_values);
}

static void test_look_up(void **state)
{
    (void)state;
    each_context(look_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_values, seed_setup),
        cmocka_unit_test_setup(test_look_up, seed_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
