/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "masking.h"

enum { SIZE = 12, PATCH = 4, N = 3 * SIZE * SIZE };

static void ramp(float *pixels)
{
    for (int i = 0; i < N; i++)
        pixels[i] = (float)(i % 37) / 7 - 2;
}

/* All channels of k places become the mean of the whole, the others stay. */
static void check(enum mask_method method, double ratio, size_t wanted)
{
    struct trainer t;
    float in[N], out[N];
    size_t masked = 0;
    start(&t, NULL);
    ramp(in);
    const struct mask mask = {method, ratio, 12345};
    assert_int_equal(mask_apply(&t, out, in, SIZE, PATCH, &mask), OPA_OK);
    const float fill = mask_fill(in, N);
    for (int i = 0; i < SIZE * SIZE; i++) {
        const bool hidden = out[i] == fill && out[i + SIZE * SIZE] == fill && out[i + 2 * SIZE * SIZE] == fill;
        masked += hidden;
        for (int c = 0; c < 3; c++)
            assert_true(hidden || out[i + c * SIZE * SIZE] == in[i + c * SIZE * SIZE]);
    }
    assert_int_equal(masked, wanted);
    stop(&t);
}

static void drawn_places_become_the_mean(void **state)
{
    (void)state;
    check(MASK_PIXELS, 0.3, 43); /* floor(0.3 * 144) */
    check(MASK_PATCHES, 0.5, 4 * PATCH * PATCH);
    check(MASK_NONE, 0.3, 0);
    check(MASK_PIXELS, 1, 144);
}

/* The positions are those of opa_mask_draw(), row by row. */
static void places_are_the_librarys(void **state)
{
    (void)state;
    struct trainer t;
    float in[N], out[N];
    uint32_t p[SIZE * SIZE];
    start(&t, NULL);
    ramp(in);
    assert_int_equal(mask_apply(&t, out, in, SIZE, PATCH, &(struct mask){MASK_PIXELS, 0.25, 99}), OPA_OK);
    const size_t k = opa_mask_draw(p, SIZE * SIZE, 0.25, 99);
    for (size_t i = 0; i < SIZE * SIZE; i++)
        assert_true((out[p[i]] == mask_fill(in, N)) == (i < k));
    assert_int_equal(mask_apply(&t, out, in, SIZE, PATCH, &(struct mask){MASK_PATCHES, 0.2, 99}), OPA_OK);
    opa_mask_draw(p, 9, 0.2, 99);
    const size_t corner = p[0] / 3 * PATCH * SIZE + p[0] % 3 * PATCH;
    assert_true(out[corner] == mask_fill(in, N));
    assert_true(out[corner + (PATCH - 1) * SIZE + PATCH - 1] == mask_fill(in, N));
    stop(&t);
}

static void equal_masks_have_one_place(void **state)
{
    (void)state;
    static const struct mask given[] = {{MASK_PIXELS, 0.3, 1},  {MASK_PIXELS, 0.3, 2}, {MASK_PIXELS, 0.3, 1},
                                        {MASK_PATCHES, 0.3, 1}, {MASK_PIXELS, 0.2, 1}, {MASK_PATCHES, 0.3, 1}};
    static const size_t places[] = {0, 1, 0, 2, 3, 2};
    struct mask masks[6];
    size_t count = 0;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(mask_place(masks, &count, &given[i]), places[i]);
    assert_int_equal(count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_places_become_the_mean),
        cmocka_unit_test(places_are_the_librarys),
        cmocka_unit_test(equal_masks_have_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
