/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#define EDITS                                                                                                          \
    "{\"id\":\"a\",\"revised\":\"One.\",\"by\":\"ann\",\"at\":\"2025-03-02T09:30:00Z\"}\n"                             \
    "{\"id\":\"b\",\"revised\":\"Other.\"}\n"                                                                          \
    "{\"id\":\"a\",\"revised\":\"Two.\"}\n"
#define SAMPLE "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"A dog.\",\"revised\":\"r0\"}\n"

static int see_edit(void *user, const opa_edit *e)
{
    opa_buffer_printf(user, "%s by %.*s (%.*s): %.*s\n", opa_edit_what_name(e->what), (int)e->by.size, e->by.data,
                      (int)e->why.size, e->why.data, (int)e->revised.size, e->revised.data);
    return 0;
}

static int count_waiting(void *user, const opa_finding *finding)
{
    *(int *)user += finding->code == OPA_F_ID_UNKNOWN;
    return 0;
}

static int waiting(fixture *f)
{
    int count = 0;
    assert_int_equal(opa_store_findings(f->store, (opa_text){0}, count_waiting, &count), OPA_OK);
    return count;
}

static void check_log(fixture *f)
{
    opa_buffer log = {0};
    assert_int_equal(opa_store_log(f->store, OPA_TEXT("a"), see_edit, &log), OPA_OK);
    assert_string_equal(log.data, "import by import (s.jsonl): r0\nrevised by ann (e.jsonl): One.\n"
                                  "revised by import (e.jsonl): Two.\n");
    opa_buffer_release(&log);
    assert_true(is(sample_of(f, "a").revised, "Two."));
}

/* The edits come first, the sample in a later import: they are taken in their order, once, whatever comes again. */
static void test_of_an_earlier_import(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "e.jsonl", EDITS));
    assert_int_equal(f->report.quarantined, 3);
    assert_int_equal(waiting(f), 3);
    IMPORT(f, file_text(f, "s.jsonl", SAMPLE));
    assert_int_equal(f->report.samples_added, 1);
    assert_int_equal(f->report.attached, 2);
    assert_int_equal(f->report.quarantined, 0);
    assert_int_equal(waiting(f), 1);
    check_log(f);
    opa_buffer before = dump(f);
    IMPORT(f, file_text(f, "e.jsonl", EDITS), file_text(f, "s.jsonl", SAMPLE));
    assert_int_equal(f->report.attached, 0);
    assert_int_equal(f->report.quarantined, 1);
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

static void test_of_the_same_import(void **state)
{
    fixture *f = *state;
    opa_import_options options = OPA_IMPORT_OPTIONS_INIT;
    const char *paths[2] = {file_text(f, "e.jsonl", EDITS), file_text(f, "s.jsonl", SAMPLE)};
    opa_buffer empty = dump(f);
    options.dry_run = true;
    opa_import_report dry, wet;
    assert_int_equal(opa_store_import(f->store, paths, 2, &options, &dry), OPA_OK);
    opa_buffer still = dump(f);
    assert_string_equal(empty.data, still.data);
    options.dry_run = false;
    assert_int_equal(opa_store_import(f->store, paths, 2, &options, &wet), OPA_OK);
    assert_int_equal(wet.attached, 2);
    assert_int_equal(wet.quarantined, 1);
    assert_true(dry.attached == wet.attached && dry.quarantined == wet.quarantined);
    assert_int_equal(waiting(f), 1);
    check_log(f);
    opa_buffer_release(&empty);
    opa_buffer_release(&still);
}

/* What waits can be seen again before it is taken: it counts once more, and no more when it is taken. */
static void test_seen_again_while_it_waits(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "e.jsonl", EDITS));
    IMPORT(f, file_text(f, "e.jsonl", EDITS), file_text(f, "f.jsonl", EDITS), file_text(f, "s.jsonl", SAMPLE));
    assert_int_equal(f->report.quarantined, 2); /* b, in both files */
    check_log(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_of_an_earlier_import, setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_the_same_import, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seen_again_while_it_waits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
