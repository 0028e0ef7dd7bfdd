/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/sample.h>

#include "support.h"

static void keys(void **state)
{
    (void)state;
    char key[OPA_KEY_SIZE];
    opa_sample_key(key, text_of("amber-AMBER_33-1"));
    assert_string_equal(key, "amber-AMBER_33-1");
    char eighty[81];
    memset(eighty, 'x', 80);
    eighty[80] = '\0';
    opa_sample_key(key, text_of(eighty));
    assert_string_equal(key, eighty);
    /* Digests by sha256sum. */
    opa_sample_key(key, text_of(""));
    assert_string_equal(key, "-e3b0c44298fc");
    opa_sample_key(key, text_of("a/b"));
    assert_string_equal(key, "a_b-c14cddc033f6");
    char longer[100];
    memset(longer, 'x', 99);
    longer[99] = '\0';
    opa_sample_key(key, text_of(longer));
    assert_int_equal(strlen(key), 60 + 1 + 12);
    assert_memory_equal(key, longer, 60);
    opa_sample_key(key, (opa_text){"\xC3\xA9\0", 3});
    assert_memory_equal(key, "___-", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
