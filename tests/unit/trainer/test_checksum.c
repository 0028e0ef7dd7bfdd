/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "checksum.h"

enum { MOST = 100 };

static void every_bit_counts(void **state)
{
    unsigned char bytes[MOST];
    (void)state;
    for (size_t i = 0; i < MOST; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (size_t size = 0; size <= MOST; size++) {
        const uint64_t whole = checksum(5, bytes, size);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            assert_true(checksum(5, bytes, size) != whole);
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        assert_true(checksum(5, bytes, size) == whole);
    }
}

static void size_place_and_start_count(void **state)
{
    static const unsigned char zeros[MOST];
    uint64_t seen[MOST + 1];
    (void)state;
    for (size_t size = 0; size <= MOST; size++) {
        seen[size] = checksum(0, zeros, size);
        for (size_t before = 0; before < size; before++)
            assert_true(seen[before] != seen[size]);
        assert_true(checksum(1, zeros, size) != seen[size]);
    }
    /* Words that change places, in one lane and across lanes. */
    uint64_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const uint64_t sum = checksum(0, words, sizeof words);
    for (size_t i = 0; i < 8; i++) {
        uint64_t other[8];
        memcpy(other, words, sizeof words);
        other[i] = ~words[i];
        assert_true(checksum(0, other, sizeof other) != sum);
    }
    for (size_t i = 1; i < 8; i++) {
        uint64_t moved[8];
        memcpy(moved, words, sizeof words);
        moved[0] = words[i];
        moved[i] = words[0];
        assert_true(checksum(0, moved, sizeof moved) != sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(size_place_and_start_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
