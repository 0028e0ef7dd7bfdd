/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

static const char report[] =
    "{\"0\": {\"copied_content\": \"A dog.\", \"score\": 2, \"error_type\": \"image_recognition_error\", \"object\": "
    "[],"
    " \"rewritten_content\": \"A cat.\", \"reason\": \"r\"}, \"Added\": {\"rewritten_content\": \"It sleeps.\"}}";

static int setup_sample(void **state)
{
    setup(state);
    fixture *f = *state;
    IMPORT(f, file_text(f, "s.jsonl",
                        "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"A dog.\",\"revised\":\"r0\"}\n"
                        "{\"id\":\"b\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    return 0;
}

static int see_edit(void *user, const opa_edit *e)
{
    opa_buffer_printf(user, "%s %s by %.*s", e->id.data[0] == 'a' ? "a" : "b", opa_edit_what_name(e->what),
                      (int)e->by.size, e->by.data ? e->by.data : "");
    if (e->undoes)
        opa_buffer_printf(user, " undoes %d", (int)e->undoes);
    opa_buffer_printf(user, " -> %.*s%s\n", (int)e->revised.size, e->revised.data ? e->revised.data : "",
                      e->excluded ? " excluded" : "");
    return 0;
}

static void test_log_and_undo(void **state)
{
    fixture *f = *state;
    const opa_text a = OPA_TEXT("a");
    opa_buffer log = {0};
    assert_int_equal(opa_store_set_revised(f->store, a, OPA_TEXT("r1"), NULL, "ann"), OPA_OK);
    assert_true(is(sample_of(f, "a").revised, "r1") && sample_of(f, "a").revised_by_hand);
    assert_int_equal(opa_store_set_report(f->store, a, OPA_TEXT(report), "typo", "bob", NULL), OPA_OK);
    opa_sample s = sample_of(f, "a");
    assert_true(is(s.revised, "A cat. It sleeps.") && !s.revised_by_hand && s.report_expected && is(s.report, report));
    assert_int_equal(opa_store_set_excluded(f->store, a, true, "blurred", "ann"), OPA_OK);
    assert_true(sample_of(f, "a").excluded);
    assert_int_equal(opa_store_undo(f->store, a, "eve"), OPA_OK);
    assert_true(!sample_of(f, "a").excluded && is(sample_of(f, "a").revised, "A cat. It sleeps."));
    assert_int_equal(opa_store_undo(f->store, a, "eve"), OPA_OK);
    assert_true(is(sample_of(f, "a").revised, "r1") && !sample_of(f, "a").report.data);
    assert_int_equal(opa_store_undo(f->store, a, "eve"), OPA_OK);
    assert_true(is(sample_of(f, "a").revised, "r0") && !sample_of(f, "a").revised_by_hand);
    assert_int_equal(opa_store_undo(f->store, a, "eve"), OPA_ENOENT); /* its import is none */
    assert_int_equal(opa_store_set_revised(f->store, a, OPA_TEXT(""), NULL, NULL), OPA_OK);
    assert_true(is(sample_of(f, "a").revised, ""));
    assert_int_equal(opa_store_log(f->store, a, see_edit, &log), OPA_OK);
    assert_string_equal(log.data,
                        "a import by import -> r0\na revised by ann -> r1\na report by bob -> A cat. It sleeps.\n"
                        "a exclude by ann -> A cat. It sleeps. excluded\na undo by eve undoes 5 -> A cat. It sleeps.\n"
                        "a undo by eve undoes 4 -> r1\na undo by eve undoes 3 -> r0\na revised by  -> \n");
    opa_buffer_release(&log);
}

static int64_t log_size(fixture *f)
{
    opa_buffer log = {0};
    assert_int_equal(opa_store_log(f->store, (opa_text){0}, see_edit, &log), OPA_OK);
    int64_t lines = 0;
    for (size_t i = 0; i < log.size; i++)
        lines += log.data[i] == '\n';
    opa_buffer_release(&log);
    return lines;
}

static void test_what_changes_nothing_is_not_logged(void **state)
{
    fixture *f = *state;
    const opa_text a = OPA_TEXT("a");
    assert_int_equal(opa_store_set_excluded(f->store, a, false, NULL, NULL), OPA_OK);
    assert_int_equal(log_size(f), 2);
    assert_int_equal(opa_store_set_revised(f->store, a, OPA_TEXT("r1"), NULL, NULL), OPA_OK);
    assert_int_equal(opa_store_set_revised(f->store, a, OPA_TEXT("r1"), "again", "ann"), OPA_OK);
    assert_int_equal(log_size(f), 3);
    assert_int_equal(opa_store_set_report(f->store, a, OPA_TEXT(report), NULL, NULL, NULL), OPA_OK);
    assert_int_equal(opa_store_set_report(f->store, a, OPA_TEXT(report), NULL, NULL, NULL), OPA_OK);
    assert_int_equal(log_size(f), 4);
}

static int see_before(void *user, const opa_edit *e)
{
    opa_buffer_printf(user, "%d<%d ", (int)e->sequence, e->before ? (int)e->before->sequence : 0);
    if (e->before)
        assert_true(!e->before->before && e->before->id.data[0] == e->id.data[0]);
    return 0;
}

static void test_log_knows_the_entry_before(void **state)
{
    fixture *f = *state;
    opa_buffer log = {0};
    assert_int_equal(opa_store_set_revised(f->store, OPA_TEXT("b"), OPA_TEXT("r1"), NULL, NULL), OPA_OK);
    assert_int_equal(opa_store_set_revised(f->store, OPA_TEXT("a"), OPA_TEXT("r1"), NULL, NULL), OPA_OK);
    assert_int_equal(opa_store_undo(f->store, OPA_TEXT("b"), NULL), OPA_OK);
    assert_int_equal(opa_store_log(f->store, (opa_text){0}, see_before, &log), OPA_OK);
    assert_string_equal(log.data, "1<0 2<0 3<2 4<1 5<3 ");
    opa_buffer_release(&log);
}

/* What is rehearsed is seen by the handle, refused where the real thing would be, and gone with it. */
static void test_rehearsal(void **state)
{
    fixture *f = *state;
    const opa_text a = OPA_TEXT("a");
    opa_store *rehearsal, *other;
    opa_buffer before = dump(f), log = {0};
    assert_int_equal(opa_store_open(f->ctx, &rehearsal, f->path), OPA_OK);
    assert_int_equal(opa_store_rehearse(rehearsal), OPA_OK);
    assert_int_equal(opa_store_set_revised(rehearsal, a, OPA_TEXT("r1"), NULL, NULL), OPA_OK);
    assert_int_equal(opa_store_set_excluded(rehearsal, a, true, NULL, NULL), OPA_OK);
    opa_sample s;
    assert_int_equal(opa_store_sample(rehearsal, &s, a), OPA_OK);
    assert_true(is(s.revised, "r1") && s.excluded);
    assert_true(is(sample_of(f, "a").revised, "r0") && !sample_of(f, "a").excluded);
    assert_int_equal(opa_store_undo(rehearsal, a, NULL), OPA_OK);
    assert_int_equal(opa_store_undo(rehearsal, OPA_TEXT("c"), NULL), OPA_ENOENT);
    assert_int_equal(opa_store_set_revised(rehearsal, a, OPA_TEXT("r2"), NULL, NULL), OPA_OK);
    assert_int_equal(opa_store_log(rehearsal, a, see_before, &log), OPA_OK);
    assert_string_equal(log.data, "1<0 3<1 4<3 5<4 6<5 ");
    assert_int_equal(opa_store_open(f->ctx, &other, f->path), OPA_OK);
    other->wait_ms = 0;
    assert_int_equal(opa_store_set_revised(other, a, OPA_TEXT("r3"), NULL, NULL), OPA_EBUSY);
    opa_store_free(rehearsal);
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    assert_int_equal(opa_store_set_revised(other, a, OPA_TEXT("r3"), NULL, NULL), OPA_OK);
    opa_store_free(other);
    opa_buffer_release(&log);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

static void test_imported_revisions_can_be_taken_back(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "t.jsonl",
                        "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"A dog.\",\"revised\":\"r9\",\"by\":\"cy\"}\n"));
    assert_true(is(sample_of(f, "a").revised, "r9"));
    assert_int_equal(opa_store_undo(f->store, OPA_TEXT("a"), NULL), OPA_OK);
    assert_true(is(sample_of(f, "a").revised, "r0"));
}

/* A change that expects what another has changed is refused, whatever kind it is; the expectation holds once. */
static void test_expected(void **state)
{
    fixture *f = *state;
    const opa_text a = OPA_TEXT("a");
    const int64_t shown = sample_of(f, "a").sequence;
    assert_int_equal(opa_store_set_revised(f->store, a, OPA_TEXT("r1"), NULL, "bob"), OPA_OK);
    opa_buffer before = dump(f);
    for (int kind = 0; kind < 5; kind++) {
        opa_store_expect(f->store, shown);
        const int status = kind == 0   ? opa_store_set_revised(f->store, a, OPA_TEXT("r2"), NULL, "ann")
                           : kind == 1 ? opa_store_set_report(f->store, a, OPA_TEXT(report), NULL, "ann", NULL)
                           : kind == 2 ? opa_store_set_excluded(f->store, a, true, NULL, "ann")
                           : kind == 3 ? opa_store_accept(f->store, a, NULL, "ann")
                                       : opa_store_undo(f->store, a, "ann");
        assert_int_equal(status, OPA_ECHANGED);
        assert_non_null(strstr(opa_context_message(f->ctx), "\"a\" changed meanwhile"));
    }
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    opa_store_expect(f->store, shown);
    assert_int_equal(opa_store_set_report(f->store, a, OPA_TEXT("no report"), NULL, NULL, NULL), OPA_EDATA);
    assert_int_equal(opa_store_accept(f->store, a, NULL, "ann"), OPA_OK);
    opa_store_expect(f->store, sample_of(f, "a").sequence);
    assert_int_equal(opa_store_set_report(f->store, a, OPA_TEXT(report), NULL, "ann", NULL), OPA_OK);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    opa_findings findings = {0};
    opa_buffer before = dump(f);
    assert_int_equal(opa_store_set_revised(f->store, OPA_TEXT("c"), OPA_TEXT("r"), NULL, NULL), OPA_ENOENT);
    assert_int_equal(opa_store_set_excluded(f->store, OPA_TEXT(""), true, NULL, NULL), OPA_ENOENT);
    assert_int_equal(opa_store_undo(f->store, OPA_TEXT("c"), NULL), OPA_ENOENT);
    assert_int_equal(opa_store_set_revised(f->store, OPA_TEXT("a"), OPA_TEXT("\xFF"), NULL, NULL), OPA_EDATA);
    assert_int_equal(opa_store_set_report(f->store, OPA_TEXT("a"), OPA_TEXT("I am sorry, I cannot help with that."),
                                          NULL, NULL, &findings),
                     OPA_EDATA);
    assert_true(findings.count > 0);
    opa_sample sample;
    assert_int_equal(opa_store_sample(f->store, &sample, OPA_TEXT("c")), OPA_ENOENT);
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    opa_findings_release(&findings);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

/* A report saved with its fence is text, not JSON: it is kept as a JSON string. */
static void test_fenced_report(void **state)
{
    fixture *f = *state;
    opa_buffer b = {0};
    opa_json *doc;
    opa_buffer_printf(&b, "```json\n%s\n```\n", report);
    assert_int_equal(opa_store_set_report(f->store, OPA_TEXT("a"), opa_buffer_text(&b), NULL, NULL, NULL), OPA_OK);
    const opa_sample s = sample_of(f, "a");
    assert_true(is(s.revised, "A cat. It sleeps."));
    assert_int_equal(opa_json_parse(f->ctx, &doc, s.report, NULL, NULL), OPA_OK);
    opa_json_free(doc);
    opa_buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log_and_undo, setup_sample, teardown),
        cmocka_unit_test_setup_teardown(test_what_changes_nothing_is_not_logged, setup_sample, teardown),
        cmocka_unit_test_setup_teardown(test_log_knows_the_entry_before, setup_sample, teardown),
        cmocka_unit_test_setup_teardown(test_rehearsal, setup_sample, teardown),
        cmocka_unit_test_setup_teardown(test_imported_revisions_can_be_taken_back, setup_sample, teardown),
        cmocka_unit_test_setup_teardown(test_expected, setup_sample, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup_sample, teardown),
        cmocka_unit_test_setup_teardown(test_fenced_report, setup_sample, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
