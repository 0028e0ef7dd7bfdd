/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/buffer.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The plain way, bit by bit. */
static void naive_encode(opa_buffer *out, const uint8_t *s, size_t size)
{
    for (size_t bit = 0; bit < size * 8; bit += 6) {
        unsigned v = 0;
        for (size_t k = bit; k < bit + 6; k++)
            v = v << 1 | (k < size * 8 ? s[k / 8] >> (7 - k % 8) & 1u : 0);
        opa_buffer_add_char(out, letters[v]);
    }
    while (out->size % 4)
        opa_buffer_add_char(out, '=');
}

/* Decodes canonical and tolerated texts alike: drops white space, turns - and _ around, stops at '='. */
static void naive_decode(opa_buffer *out, opa_text in)
{
    unsigned bits = 0, count = 0;
    for (size_t i = 0; i < in.size; i++) {
        const char c = in.data[i] == '-' ? '+' : in.data[i] == '_' ? '/' : in.data[i];
        const char *at = c ? strchr(letters, c) : NULL;
        if (!at)
            continue;
        bits = bits << 6 | (unsigned)(at - letters);
        count += 6;
        if (count >= 8) {
            count -= 8;
            opa_buffer_add_char(out, (char)(bits >> count));
            bits &= (1u << count) - 1;
        }
    }
}

/* Decode in blocks of exactly the promised size. */
static bool decode(opa_buffer *out, opa_text in, unsigned *form)
{
    const size_t room = OPA_BASE64_DECODED(in.size);
    char *exact = malloc(in.size ? in.size : 1), *to = malloc(room);
    size_t size = 0;
    assert_true(exact && to);
    if (in.size)
        memcpy(exact, in.data, in.size);
    const bool ok = opa_base64_decode(to, &size, (opa_text){exact, in.size}, form);
    assert_true(size <= room);
    opa_buffer_clear(out);
    opa_buffer_add(out, to, size);
    free(exact);
    free(to);
    return ok;
}

static void test_random(void **state)
{
    (void)state;
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (size_t size = 0; size < 600; size++) {
        uint8_t raw[600];
        opa_buffer want = {0}, got = {0}, back = {0};
        for (size_t i = 0; i < size; i++)
            raw[i] = (uint8_t)(rand() >> 7);
        naive_encode(&want, raw, size);
        opa_buffer_reserve(&got, OPA_BASE64_ENCODED(size));
        opa_base64_encode(got.data, raw, size);
        got.size = OPA_BASE64_ENCODED(size);
        assert_int_equal(got.size, want.size);
        assert_memory_equal(got.data, opa_buffer_text(&want).data, want.size);
        unsigned form = 99;
        assert_true(decode(&back, opa_buffer_text(&want), &form));
        assert_int_equal(form, 0);
        assert_int_equal(back.size, size);
        assert_memory_equal(back.data, raw, size);
        assert_true(opa_base64_is_canonical(opa_buffer_text(&want)));
        opa_buffer_release(&want);
        opa_buffer_release(&got);
        opa_buffer_release(&back);
    }
}

/* Texts in every tolerated dress decode to the same bytes. */
static void test_tolerance(void **state)
{
    (void)state;
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 3000; round++) {
        opa_buffer text = {0}, want = {0}, got = {0};
        unsigned expected = 0, form;
        const size_t count = (size_t)rand() % 120;
        for (size_t i = 0; i < count; i++) {
            char c = letters[rand() % 64];
            if (rand() % 40 == 0 && (c == '+' || c == '/')) {
                c = c == '+' ? '-' : '_';
                expected |= OPA_BASE64_URL_SAFE;
            }
            opa_buffer_add_char(&text, c);
            if (rand() % 76 == 0) {
                opa_buffer_add_string(&text, "\r\n");
                expected |= OPA_BASE64_SPACE;
            }
        }
        if (count % 4 == 2 || count % 4 == 3) {
            if (rand() % 2)
                opa_buffer_add_string(&text, count % 4 == 2 ? "==" : "=");
            else
                expected |= OPA_BASE64_UNPADDED;
        }
        naive_decode(&want, opa_buffer_text(&text));
        assert_int_equal(decode(&got, opa_buffer_text(&text), &form), count % 4 != 1);
        if (count % 4 != 1) {
            assert_int_equal(form & ~(unsigned)OPA_BASE64_BITS, expected);
            assert_int_equal(got.size, want.size);
            assert_memory_equal(opa_buffer_text(&got).data, opa_buffer_text(&want).data, want.size);
            assert_int_equal(opa_base64_is_canonical(opa_buffer_text(&text)), form == 0);
        }
        opa_buffer_release(&text);
        opa_buffer_release(&want);
        opa_buffer_release(&got);
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* want NULL: refused */
        unsigned form;
    } cases[] = {
        {"", "", 0},
        {"TWFu", "Man", 0},
        {"TWE=", "Ma", 0},
        {"TQ==", "M", 0},
        {"TQ", "M", OPA_BASE64_UNPADDED},
        {"TQ=", "M", OPA_BASE64_UNPADDED},
        {"TR==", "M", OPA_BASE64_BITS},
        {"TWFuTWF\nu", "ManMan", OPA_BASE64_SPACE},
        {"TQ==\n", "M", OPA_BASE64_SPACE},
        {"data:image/png;base64,TWFu", "Man", OPA_BASE64_DATA_URL},
        {"DATA:;BASE64,TWFu", "Man", OPA_BASE64_DATA_URL},
        {"data:image/png,TWFu", NULL, 0},
        {"data:TWFu", NULL, 0},
        {"Pz8_", "???", OPA_BASE64_URL_SAFE},
        {"T", NULL, 0},
        {"TWFuT", NULL, 0},
        {"=", NULL, 0},
        {"====", NULL, 0},
        {"TWFu=", NULL, 0},
        {"TWE==", NULL, 0},
        {"TQ===", NULL, 0},
        {"TQ==TWFu", NULL, 0},
        {"TW*u", NULL, 0},
        {"TWFu\x80", NULL, 0},
        {"<html></html>", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        opa_buffer got = {0};
        unsigned form = 0;
        const opa_text in = {cases[i].text, strlen(cases[i].text)};
        if (decode(&got, in, &form) != (cases[i].want != NULL))
            fail_msg("%s", cases[i].text);
        if (cases[i].want) {
            assert_string_equal(opa_buffer_text(&got).data, cases[i].want);
            assert_int_equal(form, cases[i].form);
        }
        assert_int_equal(opa_base64_is_canonical(in), cases[i].want && !cases[i].form);
        opa_buffer_release(&got);
    }
    assert_false(opa_base64_is_canonical(OPA_TEXT("TW\0u")));
}

/* Every wrong byte at every place of two groups, in the fast and in the slow part. */
static void test_every_byte(void **state)
{
    (void)state;
    for (size_t at = 0; at < 16; at++)
        for (int c = 0; c < 256; c++) {
            char text[] = "QUJDQUJDQUJDQUJD";
            opa_buffer got = {0};
            text[at] = (char)c;
            const bool known = (c && strchr(letters, c)) || c == '-' || c == '_' || (c >= 9 && c <= 13) || c == ' ';
            const bool lone = (c >= 9 && c <= 13) || c == ' '; /* leaves 15 characters: fine without padding */
            unsigned form = 0;
            assert_int_equal(decode(&got, (opa_text){text, 16}, &form), known || (c == '=' && at == 15));
            assert_true(!lone || (form & OPA_BASE64_UNPADDED));
            opa_buffer_release(&got);
        }
}

static void test_canonical_in_blocks(void **state)
{
    (void)state;
    const size_t size = 20000;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'A', size);
    assert_true(opa_base64_is_canonical((opa_text){text, size}));
    text[4094] = text[4095] = '=';
    assert_false(opa_base64_is_canonical((opa_text){text, size}));
    text[4094] = text[4095] = 'A';
    text[size - 1] = '=';
    assert_true(opa_base64_is_canonical((opa_text){text, size}));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),     cmocka_unit_test(test_tolerance),           cmocka_unit_test(test_forms),
        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_canonical_in_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
