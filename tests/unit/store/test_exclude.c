/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

enum { MANY = 300 };

static int setup_many(void **state)
{
    setup(state);
    fixture *f = *state;
    opa_buffer lines = {0};
    for (int i = 0; i < MANY; i++)
        opa_buffer_printf(&lines, "{\"id\":\"s%d\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":\"r%d\"}\n", i, i);
    IMPORT(f, file_text(f, "s.jsonl", lines.data));
    opa_buffer_release(&lines);
    return 0;
}

static int count_edit(void *user, const opa_edit *e)
{
    int *counts = user;
    counts[e->what]++;
    return 0;
}

static void assert_log(fixture *f, int excluded, int included)
{
    int counts[16] = {0};
    assert_int_equal(opa_store_log(f->store, (opa_text){0}, count_edit, counts), OPA_OK);
    assert_int_equal(counts[OPA_EDIT_EXCLUDE], excluded);
    assert_int_equal(counts[OPA_EDIT_INCLUDE], included);
}

/* As opa_store_set_excluded() for each: the twin. */
static void test_all_or_none(void **state)
{
    fixture *f = *state;
    char names[MANY + 1][8];
    opa_text ids[MANY + 1];
    for (int i = 0; i <= MANY; i++)
        ids[i] = (opa_text){names[i], (size_t)snprintf(names[i], sizeof names[i], "s%d", i)};
    assert_int_equal(opa_store_set_excluded(f->store, ids[7], true, "x", "ann"), OPA_OK);
    /* The last one is unknown: nothing is done. */
    assert_int_equal(opa_store_set_all_excluded(f->store, ids, MANY + 1, true, "why", "ann"), OPA_ENOENT);
    assert_non_null(strstr(opa_context_message(f->ctx), "\"s300\""));
    assert_log(f, 1, 0);
    assert_int_equal(opa_store_set_all_excluded(f->store, ids, MANY, true, "why", "ann"), OPA_OK);
    assert_log(f, MANY, 0); /* s7 was so already */
    for (int i = 0; i < MANY; i++) {
        const opa_sample s = sample_of(f, names[i]);
        char revised[8];
        snprintf(revised, sizeof revised, "r%d", i);
        assert_true(s.excluded && is(s.revised, revised));
    }
    assert_int_equal(opa_store_undo(f->store, ids[3], "eve"), OPA_OK);
    assert_false(sample_of(f, "s3").excluded);
    assert_int_equal(opa_store_set_all_excluded(f->store, ids, MANY, false, NULL, NULL), OPA_OK);
    assert_log(f, MANY, MANY - 1);
    assert_false(sample_of(f, "s299").excluded);
    assert_int_equal(opa_store_set_all_excluded(f->store, NULL, 0, true, NULL, NULL), OPA_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_or_none, setup_many, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
