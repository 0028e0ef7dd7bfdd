/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buffer.h"

static void test_growing(void **state)
{
    (void)state;
    opa_buffer b = {0};
    assert_string_equal(opa_buffer_text(&b).data, "");
    for (int i = 0; i < 10000; i++) {
        opa_buffer_add_char(&b, (char)('a' + i % 26));
        assert_true(b.size == (size_t)i + 1 && b.data[b.size] == '\0' && b.size < b.capacity);
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    opa_buffer_clear(&b);
    assert_int_equal(b.size, 0);
    opa_buffer_add_text(&b, OPA_TEXT("a\0b"));
    opa_buffer_add_text(&b, (opa_text){0});
    opa_buffer_add_string(&b, "");
    opa_buffer_printf(&b, "[%d %s]", 42, "x");
    assert_int_equal(b.size, 9);
    assert_memory_equal(b.data, "a\0b[42 x]", 10);
    opa_buffer_release(&b);
    assert_null(b.data);
    opa_buffer_release(&b);
}

static void test_reserve(void **state)
{
    (void)state;
    opa_buffer b = {0};
    assert_true(opa_buffer_reserve(&b, 1000));
    assert_true(b.capacity > 1000 && b.size == 0);
    char *before = b.data;
    assert_true(opa_buffer_reserve(&b, 1000));
    assert_ptr_equal(b.data, before);
    opa_buffer_release(&b);
}

static void test_failure_stays(void **state)
{
    (void)state;
    opa_buffer b = {0};
    opa_buffer_add_string(&b, "abc");
    assert_false(opa_buffer_reserve(&b, SIZE_MAX - 1));
    assert_true(b.failed);
    opa_buffer_add_string(&b, "def");
    opa_buffer_printf(&b, "%d", 1);
    assert_string_equal(b.data, "abc");
    opa_buffer_clear(&b);
    opa_buffer_add_string(&b, "def");
    assert_string_equal(b.data, "def");
    opa_buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_failure_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
