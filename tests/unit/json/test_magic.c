/* SPDX-License-Identifier: Apache-2.0 */
#include "json/magic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void is(opa_text head, const char *what)
{
    const char *found = opa_json_magic(head);
    assert_non_null(found);
    assert_non_null(strstr(found, what));
    /* One byte less is not enough to say so. */
    for (size_t size = 0; size < 2; size++)
        assert_null(opa_json_magic((opa_text){head.data, size}));
}

static void test_known_kinds(void **state)
{
    (void)state;
    is(OPA_TEXT("\x1F\x8B\x08\x00\x00"), "gzip");
    is(OPA_TEXT("PK\x03\x04..."), "zip");
    is(OPA_TEXT("[\x00{\x00"), "UTF-16LE");
    is(OPA_TEXT("\x00[\x00{"), "UTF-16BE");
    is(OPA_TEXT("SQLite format 3\0"), "SQLite");
    is(OPA_TEXT("\xFF\xD8\xFF\xE0"), "JPEG");
}

static void test_json_is_none_of_them(void **state)
{
    (void)state;
    static const char *const heads[] = {"",      "{",          "[", "{\"id\": 1}", "[{\"query\": 2}]", "\xEF\xBB\xBF{}",
                                        "  \n[", "SQLite form"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        assert_null(opa_json_magic((opa_text){heads[i], strlen(heads[i])}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_kinds),
        cmocka_unit_test(test_json_is_none_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
