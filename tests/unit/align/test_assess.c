/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/sample.h>

#include "support.h"

static opa_context *ctx;

static const opa_finding *find(const opa_findings *f, int code)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].code == code)
            return &f->items[i];
    return NULL;
}

static opa_sample sample(void)
{
    return (opa_sample){
        .id = OPA_TEXT("x"),
        .generated = OPA_TEXT("A dog runs. It rains."),
        .revised = OPA_TEXT("A cat runs. It rains."),
        .report_expected = true,
        .report = OPA_TEXT(
            "{\"0\": {\"copied_content\": \"A dog runs.\", \"score\": 4, \"error_type\": \"correct\", \"object\": [], "
            "\"rewritten_content\": \"A cat runs.\", \"reason\": \"r\"}, "
            "\"1\": {\"copied_content\": \"It rains.\", \"score\": 4, \"error_type\": \"correct\", \"object\": [], "
            "\"rewritten_content\": \"It rains.\", \"reason\": \"r\"}}")};
}

static void reads_and_aligns(void **state)
{
    (void)state;
    opa_assessment a;
    opa_findings said = {0};
    opa_sample s = sample();
    assert_int_equal(opa_assess(ctx, &a, &s, NULL, &said), OPA_OK);
    assert_int_equal(a.alignment.certificate, OPA_EXACT);
    assert_int_equal(a.report.count, 2);
    assert_true(a.alignment.spliced);
    check_hunks(a.alignment.hunks, a.alignment.hunk_count, s.generated, a.alignment.revised);
    assert_non_null(find(&said, OPA_F_CHANGED_AT_4));
    assert_string_equal(find(&said, OPA_F_CHANGED_AT_4)->field, "AI_json_report.0.score");
    opa_assessment_release(&a);
    /* By hand: the stored text is in force. */
    s.revised_by_hand = true;
    s.revised = OPA_TEXT("Something else.");
    assert_int_equal(opa_assess(ctx, &a, &s, NULL, NULL), OPA_OK);
    assert_false(a.alignment.spliced);
    assert_string_equal(a.alignment.revised.data, "Something else.");
    opa_assessment_release(&a);
    opa_findings_release(&said);
}

static void without_a_report(void **state)
{
    (void)state;
    opa_assessment a;
    opa_findings said = {0};
    opa_sample s = sample();
    s.report = (opa_text){0};
    assert_int_equal(opa_assess(ctx, &a, &s, NULL, &said), OPA_OK);
    assert_int_equal(a.alignment.certificate, OPA_BROKEN);
    assert_non_null(find(&said, OPA_F_REPORT_MISSING));
    opa_assessment_release(&a);
    s.report_expected = false;
    opa_findings_release(&said);
    assert_int_equal(opa_assess(ctx, &a, &s, NULL, &said), OPA_OK);
    assert_int_equal(a.alignment.certificate, OPA_CERTIFICATE_NONE);
    assert_int_equal(said.count, 0);
    assert_true(a.alignment.hunk_count > 0);
    opa_assessment_release(&a);
    opa_assessment_release(NULL);
    opa_findings_release(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_and_aligns), cmocka_unit_test(without_a_report)};
    if (opa_context_new(&ctx))
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    opa_context_free(ctx);
    return failed;
}
