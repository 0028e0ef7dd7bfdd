/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <stdlib.h>
#include <time.h>

#include "check/hashes.h"

/* Against an array that is searched from front to back. */
static void test_against_array(void **state)
{
    (void)state;
    enum { KEYS = 700 };
    const unsigned seed = (unsigned)time(NULL);
    opa_hash keys[KEYS];
    uint32_t counts[KEYS] = {0};
    opa_hashes map = {0};
    print_message("seed %u\n", seed);
    srand(seed);
    assert_null(opa_hashes_find(&map, (opa_hash){0}));
    for (size_t i = 0; i < KEYS; i++) /* many share their low bits, so that probing is used */
        keys[i] = (opa_hash){.high = i, .low = (uint64_t)(rand() % 50) << 32 | (unsigned)(rand() % 20)};
    for (int round = 0; round < 5000; round++) {
        const size_t k = (size_t)rand() % KEYS;
        opa_hash_entry *e = opa_hashes_add(&map, keys[k]);
        assert_non_null(e);
        assert_int_equal(e->count, counts[k]);
        e->count = ++counts[k];
    }
    size_t distinct = 0;
    for (size_t k = 0; k < KEYS; k++) {
        const opa_hash_entry *e = opa_hashes_find(&map, keys[k]);
        assert_int_equal(e ? e->count : 0, counts[k]);
        distinct += counts[k] > 0;
    }
    assert_int_equal(map.count, distinct);
    assert_true(map.count < map.capacity);
    assert_null(opa_hashes_find(&map, (opa_hash){.high = KEYS}));
    opa_hashes_release(&map);
    opa_hashes_release(&map);
}

static void test_of_text(void **state)
{
    (void)state;
    assert_true(opa_hash_equal(opa_hash_of_text(OPA_TEXT("a")), opa_hash_of_text(OPA_TEXT("a"))));
    assert_false(opa_hash_equal(opa_hash_of_text(OPA_TEXT("a")), opa_hash_of_text(OPA_TEXT("b"))));
    assert_false(opa_hash_equal(opa_hash_of_text(OPA_TEXT("a\0b")), opa_hash_of_text(OPA_TEXT("a\0c"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_array),
        cmocka_unit_test(test_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
