/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "image/exif.h"

/* A directory of @p count entries, the last of which is the orientation; returns its size. */
static size_t make(uint8_t *out, bool big, unsigned count, unsigned type, unsigned value)
{
    size_t n = 0;
#define PUT16(v) (out[n++] = (uint8_t)(big ? (v) >> 8 : (v)), out[n++] = (uint8_t)(big ? (v) : (v) >> 8))
#define PUT32(v) (big ? (PUT16((v) >> 16), PUT16((v)&0xFFFF)) : (PUT16((v)&0xFFFF), PUT16((v) >> 16)))
    memcpy(out, big ? "MM\0*" : "II*\0", 4);
    n = 4;
    PUT32(8u);
    PUT16(count);
    for (unsigned i = 0; i < count; i++) {
        const bool last = i + 1 == count;
        PUT16(last ? 0x0112u : 0x0100u + i);
        PUT16(last ? type : 3u);
        PUT32(1u);
        if (type == 4 && last) {
            PUT32(value);
        } else {
            PUT16(last ? value : 9u);
            PUT16(0u);
        }
    }
    return n;
}

static int orientation(const uint8_t *s, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, s, size);
    const int got = opa_exif_orientation(exact, size);
    free(exact);
    return got;
}

static void test_both_orders(void **state)
{
    (void)state;
    uint8_t s[256];
    for (unsigned v = 0; v <= 10; v++)
        for (unsigned type = 3; type <= 4; type++)
            for (unsigned count = 1; count < 5; count++)
                for (int big = 0; big <= 1; big++) {
                    const size_t n = make(s, big, count, type, v);
                    assert_int_equal(orientation(s, n), v >= 1 && v <= 8 ? (int)v : 1);
                }
}

static void test_damage(void **state)
{
    (void)state;
    uint8_t s[256];
    const size_t n = make(s, true, 3, 3, 6);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(orientation(s, cut), 1);
    for (size_t i = 0; i < 10; i++) /* header, offset and count */
        for (int v = 0; v < 256; v++) {
            uint8_t t[256];
            memcpy(t, s, n);
            t[i] = (uint8_t)v;
            const int got = orientation(t, n);
            assert_true(got == 1 || got == 6);
        }
    memcpy(s + 4, "\xFF\xFF\xFF\xFE", 4);
    assert_int_equal(orientation(s, n), 1);
    make(s, true, 1, 2, 6); /* a text is no orientation */
    assert_int_equal(orientation(s, 22), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_orders),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
