/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/findings.h"
#include "feedback/scanner.h"

static void skips_blanks_and_comments(void **state)
{
    (void)state;
    opa_scanner s = {.text = OPA_TEXT(" \t\n// one\n/* two */ # three\n\xC2\xA0x")};
    assert_int_equal(opa_scanner_skipped(&s, 0), s.text.size - 1);
    opa_scanner_skip(&s);
    assert_int_equal(s.at, s.text.size - 1);
    assert_int_equal(s.repairs[OPA_REPAIR_COMMENT].count, 3);
    assert_int_equal(s.repairs[OPA_REPAIR_COMMENT].first, 3);
    assert_int_equal(s.repairs[OPA_REPAIR_SPACE].count, 1);
    s = (opa_scanner){.text = OPA_TEXT("/* never closed")};
    opa_scanner_skip(&s);
    assert_true(opa_scanner_ended(&s));
    s = (opa_scanner){.text = OPA_TEXT("/ 4")};
    opa_scanner_skip(&s);
    assert_int_equal(s.at, 0);
}

static void says_where(void **state)
{
    (void)state;
    opa_findings findings = {0};
    opa_scanner s = {.text = OPA_TEXT("{\n  \"a\": 1,\n}\n")};
    opa_scanner_note(&s, OPA_REPAIR_TRAILING_COMMA, 12);
    opa_scanner_note(&s, OPA_REPAIR_PYTHON, 0);
    opa_scanner_note(&s, OPA_REPAIR_PYTHON, 5);
    assert_int_equal(opa_scanner_report(&s, &findings), OPA_OK);
    assert_int_equal(findings.count, 2);
    assert_int_equal(findings.items[0].code, OPA_F_REPORT_SYNTAX);
    assert_string_equal(findings.items[0].message,
                        "a comma before a closing bracket, at line 3, column 1 of the report");
    assert_string_equal(
        findings.items[1].message,
        "a literal that is not JSON's (True, False, None ...), at line 1, column 1 of the report (2 times)");
    opa_findings_release(&findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skips_blanks_and_comments),
        cmocka_unit_test(says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
