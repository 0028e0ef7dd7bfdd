/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/findings.h"

static void test_add(void **state)
{
    (void)state;
    opa_findings list = {0};
    assert_int_equal(opa_findings_add(NULL, 1, 0, NULL, "nothing"), OPA_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(opa_findings_add(&list, 100 + i, i, i % 2 ? "field" : NULL, "number %d", i), OPA_OK);
    assert_int_equal(list.count, 100);
    assert_int_equal(list.items[41].code, 141);
    assert_int_equal(list.items[41].line, 41);
    assert_int_equal(list.items[41].record, -1);
    assert_string_equal(list.items[41].field, "field");
    assert_string_equal(list.items[41].message, "number 41");
    assert_null(list.items[40].field);
    opa_findings_clear(&list);
    assert_int_equal(list.count, 0);
    opa_findings_add(&list, 1, 0, NULL, "two\nlines and %s", "\xFF\xED\xA0\x80.");
    assert_string_equal(list.items[0].message, "two lines and \xEF\xBF\xBD\xEF\xBF\xBD.");
    opa_findings_add(&list, 1, 0, NULL, "%s", "");
    assert_string_equal(list.items[1].message, "");
    opa_findings_release(&list);
    opa_findings_release(NULL);
}

static void test_long_message(void **state)
{
    (void)state;
    static char longer[5000];
    opa_findings list = {0};
    memset(longer, 'x', sizeof longer - 1);
    assert_int_equal(opa_findings_add(&list, 1, 0, NULL, "%s", longer), OPA_OK);
    assert_true(strlen(list.items[0].message) > 1000 && strlen(list.items[0].message) < 4096);
    opa_findings_release(&list);
}

static void test_append_and_locate(void **state)
{
    (void)state;
    opa_findings from = {0}, to = {0};
    opa_findings_add(&from, 7, 3, "3.score", "a");
    opa_findings_add(&from, 8, 0, NULL, "b");
    assert_int_equal(opa_findings_append(NULL, &from, "x."), OPA_OK);
    assert_int_equal(opa_findings_append(&to, &from, "report."), OPA_OK);
    assert_int_equal(opa_findings_append(&to, &from, NULL), OPA_OK);
    assert_string_equal(to.items[0].field, "report.3.score");
    assert_null(to.items[1].field);
    assert_string_equal(to.items[2].field, "3.score");
    assert_int_equal(opa_findings_locate(&to, 1, "f.json", 5, OPA_TEXT("id-1")), OPA_OK);
    assert_null(to.items[0].file);
    assert_int_equal(to.items[0].record, -1);
    assert_string_equal(to.items[1].file, "f.json");
    assert_string_equal(to.items[3].id, "id-1");
    assert_int_equal(opa_findings_locate(&to, 0, "g.json", 6, (opa_text){0}), OPA_OK);
    assert_string_equal(to.items[0].file, "g.json");
    assert_string_equal(to.items[1].file, "f.json");
    assert_int_equal(to.items[1].record, 5);
    assert_null(to.items[0].id);
    opa_findings_release(&from);
    opa_findings_release(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_long_message),
        cmocka_unit_test(test_append_and_locate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
