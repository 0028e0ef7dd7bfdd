/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "../with_context.h"

#include "base/buffer.h"
#include "check/texts.h"

static opa_findings check_with(const opa_tokenizer *tok, const opa_sample *sample, const opa_assessment *assessment)
{
    opa_text_checker checker = {0};
    opa_findings findings = {0};
    if (tok)
        assert_int_equal(opa_encoder_new(ctx, &checker.encoder, tok), OPA_OK);
    assert_int_equal(opa_text_checker_check(&checker, sample, assessment, &findings), OPA_OK);
    opa_text_checker_release(&checker);
    return findings;
}

/* The sample has exactly this finding (0: none). */
static void expect_only(const opa_sample *sample, const opa_assessment *assessment, int code)
{
    const opa_assessment ready = assessment ? *assessment : plain(sample);
    opa_findings findings = check_with(NULL, sample, &ready);
    for (size_t i = 0; i < findings.count; i++)
        if (findings.items[i].code != code)
            fail_msg("%d: %s", findings.items[i].code, findings.items[i].message);
    assert_int_equal(findings.count, code ? 1 : 0);
    opa_findings_release(&findings);
}

static void test_sound(void **state)
{
    (void)state;
    opa_sample s = sound("a");
    expect_only(&s, NULL, 0);
    s.has_image = s.image_expected = false; /* text only: no placeholder is asked for */
    s.prompt = OPA_TEXT("What is there?");
    expect_only(&s, NULL, 0);
    s.revised = (opa_text){0}; /* nobody revised it: nothing is missing */
    expect_only(&s, NULL, 0);
}

static void test_presence(void **state)
{
    (void)state;
    opa_sample s = sound("a");
    s.prompt = OPA_TEXT(" \n");
    expect_only(&s, NULL, OPA_F_PROMPT_EMPTY);
    s = sound("a");
    s.generated = OPA_TEXT("\t");
    expect_only(&s, NULL, OPA_F_GENERATED_EMPTY);
    s = sound("a");
    s.ground_truth = (opa_text){0};
    expect_only(&s, NULL, OPA_F_GROUND_TRUTH_MISSING);
    s.ground_truth = OPA_TEXT(" ");
    expect_only(&s, NULL, OPA_F_GROUND_TRUTH_MISSING);
    s = sound("a");
    s.revised = OPA_TEXT("");
    expect_only(&s, NULL, OPA_F_REVISED_EMPTY);
    s.revised = (opa_text){0};
    opa_assessment a = plain(&s);
    a.report.state = OPA_REPORT_READ;
    expect_only(&s, &a, OPA_F_REVISED_EMPTY);
    a.report.state = OPA_REPORT_MISSING; /* said as such already */
    expect_only(&s, &a, 0);
}

static void test_relations(void **state)
{
    (void)state;
    opa_sample s = sound("a");
    s.ground_truth = OPA_TEXT(" A dog sits on the grass.\n");
    expect_only(&s, NULL, OPA_F_IDENTICAL);
    s = sound("a");
    s.revised = s.generated;
    expect_only(&s, NULL, OPA_F_UNEDITED);
    s = sound("a");
    opa_assessment a = plain(&s);
    a.alignment.swapped = true;
    expect_only(&s, &a, OPA_F_SWAPPED);
    a = plain(&s);
    a.alignment.revised = s.generated; /* the revised text in force counts, not the stored one */
    expect_only(&s, &a, OPA_F_UNEDITED);
}

static void test_repetition(void **state)
{
    (void)state;
    opa_sample s = sound("a");
    s.generated =
        OPA_TEXT("A dog sits here. It is big. It is big. It is big. It is big. It is big. It is big. It is big.");
    expect_only(&s, NULL, OPA_F_REPETITION);
    s.generated = OPA_TEXT("A dog sits on the grass..");
    expect_only(&s, NULL, OPA_F_REPETITION_RELEASED);
}

static void test_placeholder(void **state)
{
    (void)state;
    opa_sample s = sound("a");
    s.prompt = OPA_TEXT("What is there?");
    expect_only(&s, NULL, 0); /* then the image comes first */
    s.report_expected = true; /* a rollout */
    expect_only(&s, NULL, OPA_F_IMAGE_PLACEHOLDER);
    s.prompt = OPA_TEXT("<image>\n<image>\nWhat is there?");
    expect_only(&s, NULL, OPA_F_IMAGE_PLACEHOLDER);
    s.prompt = OPA_TEXT("What is in <image>?");
    expect_only(&s, NULL, 0);
    s.has_image = false; /* expected, but missing */
    s.prompt = OPA_TEXT("What is there?");
    expect_only(&s, NULL, OPA_F_IMAGE_PLACEHOLDER);
    s.image_expected = s.report_expected = false; /* text alone */
    expect_only(&s, NULL, 0);
    s.prompt = OPA_TEXT("<image>\nWhat is there?");
    expect_only(&s, NULL, OPA_F_IMAGE_MISSING);
}

/* @p count words, all different, with white space before each. */
static opa_text words(opa_buffer *b, const char *before, size_t count)
{
    opa_buffer_clear(b);
    opa_buffer_add_string(b, before);
    for (size_t i = 0; i < count; i++)
        opa_buffer_printf(b, " word%zu", i);
    return opa_buffer_text(b);
}

static void test_lengths_by_words(void **state)
{
    (void)state;
    opa_buffer b = {0};
    opa_sample s = sound("a");
    s.generated = words(&b, "", 895);
    expect_only(&s, NULL, 0);
    s.generated = words(&b, "", 896);
    expect_only(&s, NULL, OPA_F_RESPONSE_LONG);
    s = sound("a");
    s.revised = words(&b, "", 900);
    expect_only(&s, NULL, OPA_F_RESPONSE_LONG);
    s = sound("a");
    s.ground_truth = words(&b, "", 900);
    opa_assessment a = plain(&s);
    opa_findings findings = check_with(NULL, &s, &a);
    assert_string_equal(findings.items[0].field, "ground_truth");
    assert_non_null(strstr(message_of(&findings, OPA_F_RESPONSE_LONG), "at least 901 tokens"));
    opa_findings_release(&findings);
    s = sound("a");
    s.prompt = words(&b, "<image>\n", 82); /* the template and the image are 46 */
    expect_only(&s, NULL, 0);
    s.prompt = words(&b, "<image>\n", 83);
    expect_only(&s, NULL, OPA_F_PROMPT_LONG);
    /* punctuation may belong to the piece beside it, but a run of it alone is a piece at least */
    opa_buffer_clear(&b);
    for (int i = 0; i < 895; i++)
        opa_buffer_printf(&b, i % 2 ? " x%d.,;!" : " --%d", i);
    s = sound("a");
    s.generated = opa_buffer_text(&b);
    expect_only(&s, NULL, 0);
    opa_buffer_add_string(&b, " --");
    s.generated = opa_buffer_text(&b);
    expect_only(&s, NULL, OPA_F_RESPONSE_LONG);
    opa_buffer_release(&b);
}

static void test_lengths_by_tokens(void **state)
{
    (void)state;
    opa_tokenizer *tok;
    opa_buffer b = {0};
    assert_int_equal(opa_tokenizer_words(ctx, &tok), OPA_OK);
    for (size_t count = 895; count < 900; count++) {
        opa_sample s = sound("a");
        s.generated = words(&b, "", count);
        const opa_assessment a = plain(&s);
        opa_findings findings = check_with(tok, &s, &a);
        assert_int_equal(count_of(&findings, OPA_F_RESPONSE_LONG), count > 896);
        if (count == 898)
            assert_non_null(strstr(message_of(&findings, OPA_F_RESPONSE_LONG), "898 tokens"));
        if (count > 896)
            assert_non_null(strstr(message_of(&findings, OPA_F_RESPONSE_LONG), "beyond it: \"word896"));
        opa_findings_release(&findings);
    }
    opa_sample s = sound("a");
    s.prompt = words(&b, "<image>\n", 150);
    const opa_assessment a = plain(&s);
    opa_findings findings = check_with(tok, &s, &a);
    assert_int_equal(count_of(&findings, OPA_F_PROMPT_LONG), 1);
    assert_non_null(strstr(message_of(&findings, OPA_F_PROMPT_LONG), "beyond it: \"word"));
    assert_non_null(strstr(message_of(&findings, OPA_F_PROMPT_LONG), "\" ..."));
    opa_findings_release(&findings);
    opa_buffer_release(&b);
    opa_tokenizer_free(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_relations),
        cmocka_unit_test(test_repetition),
        cmocka_unit_test(test_placeholder),
        cmocka_unit_test(test_lengths_by_words),
        cmocka_unit_test(test_lengths_by_tokens),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
