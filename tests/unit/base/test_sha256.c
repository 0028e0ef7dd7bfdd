/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/sha256.h"

/* FIPS 180-2, appendix B, and the empty message. */
static void test_known(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t digest[32], parts[32];
        char hex[65];
        opa_sha256 h;
        const size_t size = strlen(cases[i].text);
        opa_sha256_of(digest, cases[i].text, size);
        opa_hex(hex, digest, 32);
        assert_string_equal(hex, cases[i].hex);
        opa_sha256_init(&h);
        for (size_t k = 0; k < size; k++)
            opa_sha256_add(&h, cases[i].text + k, 1);
        opa_sha256_done(parts, &h);
        assert_memory_equal(parts, digest, 32);
    }
}

static void test_hex(void **state)
{
    (void)state;
    uint8_t bytes[2] = {0};
    char hex[5];
    assert_true(opa_unhex(bytes, "0fa9", 2));
    assert_int_equal(bytes[0], 0x0F);
    assert_int_equal(bytes[1], 0xA9);
    opa_hex(hex, bytes, 2);
    assert_string_equal(hex, "0fa9");
    assert_false(opa_unhex(bytes, "0fa", 2));
    assert_false(opa_unhex(bytes, "0fa90", 2));
    assert_false(opa_unhex(bytes, "0fg9", 2));
    assert_false(opa_unhex(bytes, "0FA9", 2));
    assert_false(opa_unhex(bytes, "", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
