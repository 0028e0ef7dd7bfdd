/* SPDX-License-Identifier: Apache-2.0 */
#include "json/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Byte by byte. */
static size_t naive_plain(const char *s, size_t size)
{
    size_t i = 0;
    while (i < size && s[i] != '"' && s[i] != '\\' && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x80)
        i++;
    return i;
}

static size_t naive_string(const char *s, size_t size)
{
    size_t i = 0;
    while (i < size && s[i] != '"' && s[i] != '\\' && s[i] != '\n')
        i++;
    return i;
}

/* Every byte value at every place of runs of every length up to 150, at every alignment; the memory is exactly as long.
 */
static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 150; size += size < 70 ? 1 : 13) {
        char *s = malloc(size + 1);
        for (size_t at = 0; at < size; at++) {
            for (int c = 0; c < 256; c++) {
                memset(s, 'a', size);
                s[at] = (char)c;
                assert_int_equal(opa_json_scan_plain(s, size), naive_plain(s, size));
                assert_int_equal(opa_json_scan_string(s, size), naive_string(s, size));
            }
        }
        free(s);
    }
}

static void test_random(void **state)
{
    (void)state;
    const unsigned seed = 20250101;
    print_message("seed %u\n", seed);
    srand(seed);
    static char s[1024];
    for (int round = 0; round < 20000; round++) {
        const size_t size = (size_t)rand() % 300, from = (size_t)rand() % 17;
        for (size_t i = 0; i < size; i++)
            s[from + i] = rand() % 64 ? (char)(' ' + rand() % 95) : (char)rand();
        assert_int_equal(opa_json_scan_plain(s + from, size), naive_plain(s + from, size));
        assert_int_equal(opa_json_scan_string(s + from, size), naive_string(s + from, size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
