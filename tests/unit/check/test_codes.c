/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* The header is the list: each enumerator of enum opa_code must be in the table with the severity that its comment
 * says, and its own name in lower case. */
static void test_header(void **state)
{
    (void)state;
    char path[1200], line[512];
    const char *root = getenv("OPA_TEST_DATA");
    assert_non_null(root);
    snprintf(path, sizeof path, "%s/../../libopapairs/include/opapairs/finding.h", root);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t seen = 0, count;
    opa_code_table(&count);
    while (fgets(line, sizeof line, f)) {
        char name[64], severity[16];
        int code;
        if (sscanf(line, " OPA_F_%63[A-Z0-9_] = %d, /**< %15[a-z]", name, &code, severity) != 3)
            continue;
        for (char *s = name; *s; s++)
            *s = (char)(*s == '_' ? '-' : tolower((unsigned char)*s));
        const opa_code_info *info = opa_code_lookup(code);
        if (!info)
            fail_msg("%s is not in the table", name);
        assert_int_equal(info->code, code);
        assert_string_equal(info->name, name);
        if (strcmp(opa_severity_name(info->severity), severity) != 0)
            fail_msg("%s is %s", name, severity);
        seen++;
    }
    fclose(f);
    assert_true(seen > 80);
    assert_int_equal(seen, count);
}

static bool sentence(const char *s)
{
    const size_t n = strlen(s);
    return n > 10 && s[n - 1] == '.' && !strstr(s, ". ") && !strchr(s, '\n');
}

static void test_table(void **state)
{
    (void)state;
    size_t count;
    const opa_code_info *table = opa_code_table(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || table[i - 1].code < table[i].code);
        assert_ptr_equal(opa_code_lookup(table[i].code), &table[i]);
        if (!sentence(table[i].meaning) || !sentence(table[i].remedy))
            fail_msg("%s", table[i].name);
    }
    assert_null(opa_code_lookup(0));
    assert_null(opa_code_lookup(-1));
    assert_null(opa_code_lookup(100));
    assert_null(opa_code_lookup(1000));
    assert_string_equal(opa_code_lookup(101)->name, "segment-missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
