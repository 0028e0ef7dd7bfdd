/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#define FEEDBACK(score) "{\"0\":{\"copied_content\":\"A dog.\",\"score\":" score "}}"

static const char samples[] = "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"A dog.\",\"feedback\":" FEEDBACK(
    "4") "}\n"
         "{\"id\":\"b\",\"prompt\":\"p\",\n\"generated\":\"A dog.\",\n\"feedback\":" FEEDBACK(
             "1") "}\n"
                  "{\"id\":\"c\",\"prompt\":\"p\",\"generated\":\"A dog.\"}\n";
static const char edits[] = "{\"id\":\"c\",\"revised\":\"A cat.\"}\n{\"id\":\"a\",\"feedback\":" FEEDBACK("2") "}\n";

static void stands(fixture *f, const char *id, const char *file, int64_t record, int64_t line)
{
    opa_report_place place;
    const opa_text key = {id, strlen(id)};
    const int status = opa_store_report_place(f->store, &place, key, sample_of(f, id).report);
    assert_int_equal(status, file ? OPA_OK : OPA_END);
    assert_string_equal(place.file, file ? file : "");
    assert_int_equal(place.record, record);
    assert_int_equal(place.line, line);
    if (file)
        assert_string_equal(place.field, "feedback");
    else
        assert_null(place.field);
}

static void test_places(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "s.jsonl", samples));
    assert_false(sample_of(f, "a").report_moved || sample_of(f, "b").report_moved);
    assert_string_equal(sample_of(f, "a").report_field, "feedback");
    stands(f, "a", "s.jsonl", 0, 1);
    stands(f, "b", "s.jsonl", 1, 4);
    stands(f, "c", NULL, -1, 0); /* it has none */
    IMPORT(f, file_text(f, "e.jsonl", edits));
    assert_true(sample_of(f, "a").report_moved);
    stands(f, "a", "e.jsonl", 1, 2);
    const opa_text b = {"b", 1};
    assert_int_equal(opa_store_set_report(f->store, b, OPA_TEXT(FEEDBACK("3")), NULL, NULL, NULL), OPA_OK);
    assert_true(sample_of(f, "b").report_moved);
    stands(f, "b", NULL, -1, 0);
    assert_int_equal(opa_store_undo(f->store, b, NULL), OPA_OK);
    stands(f, "b", "s.jsonl", 1, 4);
    opa_report_place place;
    assert_int_equal(opa_store_report_place(f->store, &place, OPA_TEXT("nobody"), b), OPA_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_places, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
