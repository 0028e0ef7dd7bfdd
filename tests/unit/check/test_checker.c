/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "base/findings.h"

static void test_both_passes(void **state)
{
    (void)state;
    opa_context *ctx;
    opa_checker *checker;
    opa_findings findings = {0};
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    assert_int_equal(opa_checker_new(ctx, &checker, NULL), OPA_OK);
    opa_sample a = sound("a"), b = sound("b");
    b.ground_truth = (opa_text){0};
    assert_int_equal(opa_checker_note(checker, &a), OPA_OK);
    assert_int_equal(opa_checker_note(checker, &b), OPA_OK);
    opa_assessment assessment = plain(&a);
    assert_int_equal(opa_checker_sample(checker, &a, &assessment, &findings), OPA_OK);
    assert_int_equal(findings.count, 2);
    assert_int_equal(count_of(&findings, OPA_F_IMAGE_SHARED), 1);
    assert_int_equal(count_of(&findings, OPA_F_TEXT_SHARED), 1);
    opa_findings_clear(&findings);
    assessment = plain(&b);
    assert_int_equal(opa_checker_sample(checker, &b, &assessment, &findings), OPA_OK);
    assert_int_equal(findings.count, 3);
    assert_int_equal(count_of(&findings, OPA_F_GROUND_TRUTH_MISSING), 1);
    assert_int_equal(opa_checker_sample(checker, &b, &assessment, NULL), OPA_OK);
    opa_findings_release(&findings);
    opa_checker_free(checker);
    opa_checker_free(NULL);
    opa_context_free(ctx);
}

static void test_with_tokenizer(void **state)
{
    (void)state;
    opa_context *ctx;
    opa_checker *checker;
    opa_tokenizer *tok;
    opa_findings findings = {0};
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    assert_int_equal(opa_tokenizer_words(ctx, &tok), OPA_OK);
    const opa_check_options options = {.tokenizer = tok};
    assert_int_equal(opa_checker_new(ctx, &checker, &options), OPA_OK);
    const opa_sample a = sound("a");
    const opa_assessment assessment = plain(&a);
    assert_int_equal(opa_checker_note(checker, &a), OPA_OK);
    assert_int_equal(opa_checker_sample(checker, &a, &assessment, &findings), OPA_OK);
    assert_int_equal(findings.count, 0);
    opa_checker_free(checker);
    opa_tokenizer_free(tok);
    opa_context_free(ctx);
}

static void test_worst(void **state)
{
    (void)state;
    opa_findings list = {0};
    int code = 99;
    assert_int_equal(opa_findings_worst(&list, &code), OPA_INFO);
    assert_int_equal(code, 0);
    opa_findings_add(&list, OPA_F_UNEDITED, 0, NULL, "x");
    opa_findings_add(&list, OPA_F_IMAGE_SHARED, 0, NULL, "x");
    assert_int_equal(opa_findings_worst(&list, &code), OPA_INFO);
    assert_int_equal(code, OPA_F_UNEDITED);
    opa_findings_add(&list, OPA_F_IDENTICAL, 0, NULL, "x");
    opa_findings_add(&list, OPA_F_SWAPPED, 0, NULL, "x");
    opa_findings_add(&list, OPA_F_REPETITION, 0, NULL, "x");
    assert_int_equal(opa_findings_worst(&list, &code), OPA_ERROR);
    assert_int_equal(code, OPA_F_SWAPPED);
    assert_int_equal(opa_findings_worst(&list, NULL), OPA_ERROR);
    opa_findings_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_passes),
        cmocka_unit_test(test_with_tokenizer),
        cmocka_unit_test(test_worst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
