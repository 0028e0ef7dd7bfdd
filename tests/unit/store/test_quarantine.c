/* SPDX-License-Identifier: Apache-2.0 */
/* What is open of a file's findings follows from the last import of that file, and from nothing else. */
#include "helper.h"

#define GOOD(id) "{\"id\":\"" id "\",\"prompt\":\"p\",\"generated\":\"g\"}\n"
#define BAD(id) "{\"id\":\"" id "\",\"prompt\":\"p\"}\n"

static int see(void *user, const opa_finding *x)
{
    opa_buffer_printf(user, "%d %s %lld\n", x->code, x->file, (long long)x->record);
    return 0;
}

/* All findings are "CODE FILE RECORD" lines. */
static void finds(fixture *f, const char *want)
{
    opa_buffer have = {0};
    assert_int_equal(opa_store_findings(f->store, (opa_text){0}, see, &have), OPA_OK);
    assert_string_equal(opa_buffer_text(&have).data, want);
    opa_buffer_release(&have);
}

static int64_t count_rows(fixture *f, const char *sql)
{
    int64_t count;
    assert_int_equal(opa_db_integer(&f->store->db, &count, sql), OPA_OK);
    return count;
}

static void test_mended_and_broken_anew(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "a", "[" GOOD("s") "," BAD("t") "," BAD("u") ",]"));
    finds(f, "15 a -1\n13 a 1\n13 a 2\n");
    IMPORT(f, file_text(f, "a", "[" GOOD("s") "," BAD("t") "," GOOD("u") "]"));
    finds(f, "13 a 1\n");
    IMPORT(f, file_text(f, "a", "[" GOOD("s") "," GOOD("t") "," GOOD("u") "]"));
    finds(f, "");
    assert_int_equal(count_rows(f, "SELECT count(*) FROM raws WHERE sample IS NULL"), 2); /* nothing is lost */
    opa_buffer before = dump(f);
    IMPORT(f, file_text(f, "a", "[" GOOD("s") "," GOOD("t") "," GOOD("u") "]"));
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    IMPORT(f, file_text(f, "a", "[" BAD("t") "," GOOD("t") "," BAD("u") ",]"));
    finds(f, "15 a -1\n13 a 0\n13 a 2\n");
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

/* Files of one name in two folders: each closes its own. */
static void test_two_files_of_one_name(void **state)
{
    fixture *f = *state;
    char folder[128], path[160];
    snprintf(folder, sizeof folder, "%s/two", f->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/a", folder);
    const char *one = file_text(f, "a", BAD("t") GOOD("s")), *two = file_text(f, "two/a", GOOD("v") BAD("t"));
    assert_string_equal(two, path);
    IMPORT(f, one, two);
    finds(f, "13 a 0\n13 a 1\n");
    file_text(f, "a", GOOD("s"));
    IMPORT(f, one);
    finds(f, "13 a 1\n601 a 1\n");
    file_text(f, "two/a", GOOD("v"));
    IMPORT(f, two);
    finds(f, "601 a 1\n");
    remove(two);
    remove(folder);
}

/* The same bad record at the same place of both: one finding, until neither has it. */
static void test_one_place_in_two_files(void **state)
{
    fixture *f = *state;
    char folder[128];
    snprintf(folder, sizeof folder, "%s/two", f->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    const char *one = file_text(f, "a", "[" BAD("t") "," GOOD("s") ",]"),
               *two = file_text(f, "two/a", "[" BAD("t") "," GOOD("s") ",]");
    IMPORT(f, one, two);
    finds(f, "15 a -1\n13 a 0\n");
    file_text(f, "a", "[" GOOD("t") "," GOOD("s") "]");
    IMPORT(f, one);
    finds(f, "15 a -1\n13 a 0\n");
    file_text(f, "two/a", "[" GOOD("t") "," GOOD("s") "]");
    IMPORT(f, two);
    finds(f, "");
    remove(two);
    remove(folder);
}

static void test_what_cannot_be_read_closes_nothing(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "a", GOOD("s") BAD("t")));
    for (const char *const *content = (const char *const[]){"", "no JSON", "[17]", NULL}; *content; content++) {
        IMPORT(f, file_text(f, "a", *content));
        assert_int_equal(f->report.files_failed, 1);
        assert_int_equal(count_rows(f, "SELECT count(*) FROM quarantine q JOIN records k ON k.key = q.record"
                                       " WHERE k.record = 1"),
                         1);
    }
}

/* What was taken out of quarantine is there no more, and a dry run closes nothing. */
static void test_taken_and_tried(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "e", "{\"id\":\"s\",\"revised\":\"r\"}\n"), file_text(f, "a", BAD("t") GOOD("u")));
    assert_int_equal(count_rows(f, "SELECT count(*) FROM quarantine"), 2);
    const char *mended = file_text(f, "a", GOOD("s") GOOD("u"));
    assert_int_equal(import_with(f, (opa_import_options){.dry_run = true}, &mended, 1), OPA_OK);
    assert_int_equal(count_rows(f, "SELECT count(*) FROM quarantine"), 2);
    IMPORT(f, mended);
    assert_int_equal(count_rows(f, "SELECT count(*) FROM quarantine"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mended_and_broken_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_files_of_one_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_place_in_two_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_read_closes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_and_tried, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
