/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "text/tokenizer/nfc.h"

static void check(opa_stage *stage, const char *text, size_t size)
{
    utf8proc_uint8_t *expected = NULL;
    const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size, &expected,
                                            UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    assert_true(n >= 0);
    const opa_view in = {text, size, NULL, 10};
    opa_view out;
    assert_true(opa_nfc(stage, &out, &in));
    assert_int_equal(out.size, n);
    assert_memory_equal(out.data, expected, (size_t)n);
    uint32_t begin = 10, end = 10;
    for (size_t i = 0; i < out.size; i++) {
        assert_true(opa_view_begin(&out, i) >= begin && opa_view_end(&out, i + 1) >= end);
        begin = opa_view_begin(&out, i);
        end = opa_view_end(&out, i + 1);
        assert_true(begin < end && end <= 10 + size);
    }
    free(expected);
}

static void composes_like_the_library(void **state)
{
    (void)state;
    const unsigned seed = 99;
    print_message("seed %u\n", seed);
    srand(seed);
    static const uint32_t odd[] = {0x301, 0x327,  0x323,  0x345,  0xF71,  0xF72,   0xF73,  0x9C7,
                                   0x9BE, 0x1100, 0x1161, 0x11A8, 0xAC00, 0x3099,  0x304B, 0x212B,
                                   0x958, 0x915,  0x93C,  'e',    'A',    ' ',     0x1E9B, 0xFB1D,
                                   0x5B0, 0xE9,   0x4E00, 0xF900, 0x2ADC, 0x1D15E, 0x1D165};
    opa_stage stage = {0};
    for (int round = 0; round < 20000; round++) {
        char text[200];
        size_t size = 0;
        for (int i = rand() % 12; i >= 0; i--) {
            uint32_t c = odd[(size_t)rand() % (sizeof(odd) / sizeof(odd[0]))];
            if (rand() % 4 == 0)
                c = (uint32_t)rand() % 0xD800 + 1;
            size += opa_wtf8_encode(text + size, c);
        }
        check(&stage, text, size);
    }
    opa_stage_release(&stage);
}

static void keeps_what_is_composed(void **state)
{
    (void)state;
    opa_stage stage = {0};
    const opa_text text = OPA_TEXT("Plain text, é, 中文.");
    const opa_view in = {text.data, text.size, NULL, 0};
    opa_view out;
    assert_true(opa_nfc(&stage, &out, &in));
    assert_ptr_equal(out.data, in.data);
    opa_stage_release(&stage);
}

/* A million marks in the wrong order take no quadratic time. */
static void long_runs(void **state)
{
    (void)state;
    const size_t count = 500000;
    char *text = malloc(2 * count);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + 2 * i, i % 2 ? "\xCC\xA7" : "\xCC\x81", 2);
    opa_stage stage = {0};
    const opa_view in = {text, 2 * count, NULL, 0};
    opa_view out;
    assert_true(opa_nfc(&stage, &out, &in));
    assert_int_equal(out.size, 2 * count);
    assert_memory_equal(out.data, "\xCC\xA7\xCC\xA7", 4);
    opa_stage_release(&stage);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composes_like_the_library),
        cmocka_unit_test(keeps_what_is_composed),
        cmocka_unit_test(long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
