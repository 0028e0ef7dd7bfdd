/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"

static void test_blocks(void **state)
{
    (void)state;
    opa_arena *arena = opa_arena_new();
    unsigned char *kept[3000];
    assert_non_null(arena);
    for (size_t i = 0; i < 3000; i++) {
        const size_t size = i * 7 % 501;
        kept[i] = opa_arena_alloc(arena, size);
        assert_non_null(kept[i]);
        assert_int_equal((uintptr_t)kept[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(kept[i][k], 0);
        memset(kept[i], (int)(i % 255) + 1, size);
    }
    for (size_t i = 0; i < 3000; i++)
        for (size_t k = 0; k < i * 7 % 501; k++)
            assert_int_equal(kept[i][k], i % 255 + 1);
    opa_arena_free(arena);
    opa_arena_free(NULL);
}

static void test_clear_and_large(void **state)
{
    (void)state;
    opa_arena *arena = opa_arena_new();
    assert_non_null(arena);
    opa_arena_clear(arena);
    for (int round = 0; round < 5; round++) {
        char *large = opa_arena_alloc(arena, (size_t)3 << 20);
        assert_non_null(large);
        assert_int_equal(large[((size_t)3 << 20) - 1], 0);
        memset(large, 1, (size_t)3 << 20);
        assert_non_null(opa_arena_alloc(arena, 100));
        opa_arena_clear(arena);
    }
    opa_arena_free(arena);
}

static void test_limits_and_texts(void **state)
{
    (void)state;
    opa_arena *arena = opa_arena_new();
    assert_non_null(arena);
    assert_false(opa_arena_failed(arena));
    assert_null(opa_arena_alloc(arena, SIZE_MAX));
    assert_non_null(opa_arena_alloc(arena, 1));
    assert_true(opa_arena_failed(arena)); /* what came later does not hide it */
    opa_arena_clear(arena);
    assert_false(opa_arena_failed(arena));
    assert_null(opa_arena_array(arena, SIZE_MAX / 2, 3));
    assert_true(opa_arena_failed(arena));
    assert_false(opa_arena_failed(NULL));
    assert_non_null(opa_arena_array(arena, 0, 8));
    const opa_text t = opa_arena_text(arena, OPA_TEXT("a\0b"));
    assert_int_equal(t.size, 3);
    assert_memory_equal(t.data, "a\0b", 4);
    assert_null(opa_arena_text(arena, (opa_text){0}).data);
    assert_non_null(opa_arena_text(arena, OPA_TEXT("")).data);
    opa_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_clear_and_large),
        cmocka_unit_test(test_limits_and_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
