/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/context.h"

static void test_message(void **state)
{
    (void)state;
    opa_context *ctx;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    assert_string_equal(opa_context_message(ctx), "");
    assert_int_equal(opa_fail(ctx, OPA_EDATA, "record %d: %s", 3, "bad"), OPA_EDATA);
    assert_string_equal(opa_context_message(ctx), "record 3: bad");
    opa_fail_prefix(ctx, "file.json");
    assert_string_equal(opa_context_message(ctx), "file.json: record 3: bad");
    assert_int_equal(opa_fail_memory(ctx), OPA_ENOMEM);
    assert_string_equal(opa_context_message(ctx), "out of memory");
    errno = ENOENT;
    assert_int_equal(opa_fail_system(ctx, OPA_EIO, "x/y"), OPA_EIO);
    assert_string_equal(opa_context_message(ctx), "x/y: No such file or directory");
    errno = ENOMEM;
    assert_int_equal(opa_fail_system(ctx, OPA_EIO, "x/y"), OPA_ENOMEM);
    assert_string_equal(opa_context_message(ctx), "out of memory");
    opa_fail(ctx, OPA_EIO, "%s", "a\nb\tc\x1B[31m \xFF \xC3\xA4");
    assert_string_equal(opa_context_message(ctx), "a b c?[31m ? \xC3\xA4");
    opa_context_free(ctx);
    opa_context_free(NULL);
}

/* A message of any length stays UTF-8: the last character is whole or not there. */
static void test_long(void **state)
{
    (void)state;
    opa_context *ctx;
    char text[3000];
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 4);
        opa_fail(ctx, OPA_EIO, "%s", text);
        const size_t size = strlen(opa_context_message(ctx));
        assert_true(size > 1000 && size < 1100);
        assert_int_equal((size - shift) % 3, 0);
        assert_null(strchr(opa_context_message(ctx), '?'));
    }
    opa_context_free(ctx);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(opa_status_name(OPA_OK), "OPA_OK");
    assert_string_equal(opa_status_name(OPA_ECANCELLED), "OPA_ECANCELLED");
    assert_string_equal(opa_status_name(-99), "?");
    for (int status = OPA_ECANCELLED; status <= OPA_END; status++)
        assert_string_not_equal(opa_status_name(status), "?");
    const char *versions = opa_versions();
    assert_true(strstr(versions, "sqlite ") && strstr(versions, "libjpeg-turbo ") && strstr(versions, "nettle "));
    assert_int_equal(versions[strlen(versions) - 1], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
