/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "json_edit.h"

static void assert_set(const char *before, const char *key, const char *value, const char *want)
{
    struct trainer t;
    char *out;
    size_t size;
    start(&t, NULL);
    if (json_set_member(&t, &out, &size, (opa_text){before, strlen(before)}, key, value, true, "a.json") != OPA_OK)
        fail_msg("%s", t.message);
    assert_string_equal(out, want);
    assert_int_equal(size, strlen(want));
    free(out);
    stop(&t);
}

static void only_the_value_changes(void **state)
{
    (void)state;
    assert_set("{\n \"a\": 1e3,\n \"b\" : [1, {\"a\": 2}]\n}\n", "a", "\"x\"",
               "{\n \"a\": \"x\",\n \"b\" : [1, {\"a\": 2}]\n}\n");
    assert_set("{\"a\":{\"b\":1},\"b\":null}", "b", "[2]", "{\"a\":{\"b\":1},\"b\":[2]}");
    assert_set("{\"\\u0061\":1}", "a", "2", "{\"\\u0061\":2}");
}

static void a_member_that_is_not_there_is_put_in_front(void **state)
{
    (void)state;
    assert_set(" {\"a\":1}", "b", "2", " {\"b\": 2, \"a\":1}");
    assert_set("{ }", "b", "2", "{\"b\": 2 }");
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[1]", "{\"a\":", "3"};
    struct trainer t;
    char *out;
    size_t size;
    start(&t, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(json_set_member(&t, &out, &size, (opa_text){bad[i], strlen(bad[i])}, "a", "1", true, "a.json"),
                         OPA_EDATA);
        assert_message(&t, "a.json");
        assert_null(out);
    }
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_value_changes),
        cmocka_unit_test(a_member_that_is_not_there_is_put_in_front),
        cmocka_unit_test(what_is_no_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
