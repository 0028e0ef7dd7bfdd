/* SPDX-License-Identifier: Apache-2.0 */
#include "json/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../with_context.h"

static char expected(size_t at)
{
    return (char)('a' + at * 7919 % 26);
}

/* A file of @p size bytes whose name is written to @p path. */
static void make_file(char path[32], size_t size)
{
    strcpy(path, "opa-window-XXXXXX"); /* where the test runs */
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "wb");
    for (size_t i = 0; i < size; i++)
        fputc(expected(i), f);
    assert_int_equal(fclose(f), 0);
}

/* Every byte passes, and what may go goes: the window stays small whatever the file's size. */
static void test_slides_over_a_file(void **state)
{
    (void)state;
    enum { SIZE = 3000017, BEHIND = 100 };
    char path[32];
    make_file(path, SIZE);
    opa_window w;
    assert_int_equal(opa_window_open(ctx, &w, path), OPA_OK);
    assert_int_equal(w.total, SIZE);
    size_t at = 0;
    for (; at < SIZE; at++) {
        while (!opa_window_shows(&w, at))
            assert_int_equal(opa_window_read(&w, at > BEHIND ? at - BEHIND : 0), OPA_OK);
        assert_int_equal(*opa_window_at(&w, at), expected(at));
        const size_t back = at > BEHIND ? at - BEHIND : 0;
        assert_int_equal(*opa_window_at(&w, back), expected(back));
        assert_true(w.capacity < 1 << 20);
    }
    assert_int_equal(opa_window_end(&w), SIZE);
    assert_int_equal(opa_window_read(&w, at), OPA_END);
    assert_int_equal(opa_window_read(&w, at), OPA_END);
    opa_window_release(&w);
    unlink(path);
}

static void test_keeps_what_is_asked_for(void **state)
{
    (void)state;
    enum { SIZE = 2000003 };
    char path[32];
    make_file(path, SIZE);
    opa_window w;
    assert_int_equal(opa_window_open(ctx, &w, path), OPA_OK);
    while (opa_window_read(&w, 5) == OPA_OK)
        continue;
    for (size_t at = 5; at < SIZE; at++)
        assert_int_equal(*opa_window_at(&w, at), expected(at));
    opa_window_release(&w);
    unlink(path);
}

static void test_memory_and_what_cannot_be_opened(void **state)
{
    (void)state;
    opa_window w;
    opa_window_memory(ctx, &w, OPA_TEXT("abc"));
    assert_true(opa_window_shows(&w, 2));
    assert_false(opa_window_shows(&w, 3));
    assert_int_equal(opa_window_read(&w, 0), OPA_END);
    opa_window_release(&w);
    assert_int_equal(opa_window_open(ctx, &w, "/nonexistent/file"), OPA_ENOENT);
    opa_window_release(&w);
    assert_int_equal(opa_window_open(ctx, &w, "/"), OPA_ENOENT);
    assert_non_null(strstr(opa_context_message(ctx), "folder"));
    opa_window_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slides_over_a_file),
        cmocka_unit_test(test_keeps_what_is_asked_for),
        cmocka_unit_test(test_memory_and_what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
