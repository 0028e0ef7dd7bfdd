/* SPDX-License-Identifier: Apache-2.0 */
#include "json/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static opa_text text(const char *s)
{
    return (opa_text){s, strlen(s)};
}

static void test_scan(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t size;
    } cases[] = {{"0", 1},    {"-0", 2},  {"01", 1},  {"1.", 0},    {".5", 0},   {"-", 0},    {"-a", 0},
                 {"12,", 2},  {"1.5", 3}, {"1e5", 3}, {"1E+5x", 4}, {"1e", 0},   {"1e+", 0},  {"1.5e-10]", 7},
                 {"1.e1", 0}, {"+1", 0},  {"", 0},    {"1.2.3", 3}, {"-1.0", 4}, {"0.0e0", 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(opa_json_number_scan(cases[i].s, strlen(cases[i].s)), cases[i].size);
}

static void check_held(const char *lexeme, double value, bool held)
{
    bool is = !held;
    const double x = opa_json_number_double(text(lexeme), &is);
    if (x != value || is != held)
        print_message("%s: %.17g %d\n", lexeme, x, is);
    assert_true(x == value);
    assert_int_equal(is, held);
}

static void test_held(void **state)
{
    (void)state;
    check_held("0", 0, true);
    check_held("-0.0e99", 0, true);
    check_held("1.5", 1.5, true);
    check_held("0.1", 0.1, true);
    check_held("9007199254740992", 9007199254740992.0, true);
    check_held("9007199254740993", 9007199254740992.0, false);
    check_held("9007199254740994", 9007199254740994.0, true);
    check_held("12345678901234567890", 12345678901234567890.0, false);
    check_held("18446744073709551616", 18446744073709551616.0, true);
    check_held("1234567890123460", 1234567890123460.0, true);
    check_held("0.30000000000000004", 0.30000000000000004, true);
    check_held("0.3000000000000000444", 0.30000000000000004, true); /* its true digits go on with 089 */
    check_held("0.3000000000000000445", 0.30000000000000004, false);
    check_held("0.1000000000000000055511151231257827", 0.1, true); /* the first 34 digits of the double itself */
    check_held("0.10000000000000000555111512312578270211815834045410156251", 0.1, false);
    check_held("1e400", HUGE_VAL, false);
    check_held("-1e400", -HUGE_VAL, false);
    check_held("1e-400", 0, false);
    check_held("5e-324", 5e-324, true);
    check_held("1.7976931348623157e308", DBL_MAX, true);
    check_held("1e22", 1e22, true);
    check_held("1e23", 1e23, true);
    check_held("1e99999999999999999999", HUGE_VAL, false);
    check_held("0e99999999999999999999", 0, true);
}

static void test_integer(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        bool is;
        int64_t n;
    } cases[] = {{"3", true, 3},
                 {"3.0", true, 3},
                 {"3e0", true, 3},
                 {"-0", true, 0},
                 {"12.5e1", true, 125},
                 {"12.5", false, 0},
                 {"100e-2", true, 1},
                 {"0.000", true, 0},
                 {"0e-99999", true, 0},
                 {"9223372036854775807", true, INT64_MAX},
                 {"9223372036854775808", false, 0},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"-9223372036854775809", false, 0},
                 {"1e18", true, 1000000000000000000},
                 {"1e19", false, 0},
                 {"1e-1", false, 0},
                 {"92233720368547758070e-1", true, INT64_MAX},
                 {"99999999999999999999", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t n = -7;
        assert_int_equal(opa_json_number_integer(text(cases[i].s), &n), cases[i].is);
        if (cases[i].is)
            assert_true(n == cases[i].n);
    }
}

static void check_format(double x, const char *expected)
{
    char out[OPA_JSON_NUMBER_SIZE + 1] = "";
    out[opa_json_number_format(out, x)] = '\0';
    assert_string_equal(out, expected);
}

static void test_format(void **state)
{
    (void)state;
    check_format(0, "0");
    check_format(-0.0, "-0");
    check_format(1, "1");
    check_format(-12, "-12");
    check_format(1.5, "1.5");
    check_format(0.1, "0.1");
    check_format(0.3, "0.3");
    check_format(0.1 + 0.2, "0.30000000000000004");
    check_format(1.0 / 3, "0.3333333333333333");
    check_format(1e15, "1000000000000000");
    check_format(123456789012.5, "123456789012.5");
    check_format(1e21, "1e+21");
    check_format(123e18, "123000000000000000000");
    check_format(1e-6, "0.000001");
    check_format(0.0000025, "0.0000025");
    check_format(1e-7, "1e-7");
    check_format(1.25e-7, "1.25e-7");
    check_format(DBL_MAX, "1.7976931348623157e+308");
    check_format(5e-324, "4.94065645841247e-324");
    check_format(-DBL_MIN, "-2.2250738585072014e-308");
}

/* Any double reads back as itself, in any locale, and agrees with the C library's own reader. */
static void test_round_trip(void **state)
{
    (void)state;
    const unsigned seed = 7;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = (uint64_t)rand() << 40 ^ (uint64_t)rand() << 20 ^ (uint64_t)rand();
        double x;
        memcpy(&x, &bits, sizeof x);
        if (i % 3 == 1)
            x = (rand() % 2000001 - 1000000) / 1000.0;
        if (i % 3 == 2)
            x = rand() / (double)RAND_MAX;
        if (!isfinite(x))
            continue;
        char out[OPA_JSON_NUMBER_SIZE + 1];
        const size_t n = opa_json_number_format(out, x);
        out[n] = '\0';
        bool held = false;
        assert_true(n < OPA_JSON_NUMBER_SIZE);
        assert_int_equal(opa_json_number_scan(out, n), n);
        assert_true(opa_json_number_double((opa_text){out, n}, &held) == x);
        assert_true(held);
        assert_true(strtod(out, NULL) == x);
    }
}

/* Long lexemes against strtod(), halfway cases included. */
static void test_long(void **state)
{
    (void)state;
    char s[2100];
    for (int digits = 1; digits < 2000; digits += 37) {
        s[0] = '1';
        s[1] = '.';
        for (int i = 0; i < digits; i++)
            s[2 + i] = (char)('0' + (i * 7 + digits) % 10);
        s[2 + digits] = '\0';
        assert_true(opa_json_number_double(text(s), NULL) == strtod(s, NULL));
    }
    char half[1200]; /* 2^53 + 1, a tie, and a digit far behind it that breaks the tie */
    memset(half, '0', sizeof half);
    memcpy(half, "9007199254740993.", 17);
    assert_true(opa_json_number_double((opa_text){half, sizeof half}, NULL) == 9007199254740992.0);
    half[1100] = '1';
    assert_true(opa_json_number_double((opa_text){half, sizeof half}, NULL) == 9007199254740994.0);
}

/* The decimal comma of a locale must not come in. Where no such locale is installed nothing is proved. */
static void test_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        skip();
    check_format(0.1 + 0.2, "0.30000000000000004");
    check_held("0.30000000000000004", 0.1 + 0.2, true);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),   cmocka_unit_test(test_held),       cmocka_unit_test(test_integer),
        cmocka_unit_test(test_format), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_long),
        cmocka_unit_test(test_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
