/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "feedback/fields.h"

static opa_text text(const char *s)
{
    return (opa_text){s, strlen(s)};
}

static void knows_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        opa_field field;
        bool canonical;
    } cases[] = {
        {"copied_content", OPA_FIELD_COPIED, true},
        {"copied content", OPA_FIELD_COPIED, false},
        {"Copied_Content", OPA_FIELD_COPIED, false},
        {"copied-content", OPA_FIELD_COPIED, false},
        {"copiedContent", OPA_FIELD_COPIED, false},
        {" copied_content ", OPA_FIELD_COPIED, false},
        {"rewritten_content", OPA_FIELD_REWRITTEN, true},
        {"rewritten text", OPA_FIELD_REWRITTEN, false},
        {"score", OPA_FIELD_SCORE, true},
        {"Score", OPA_FIELD_SCORE, false},
        {"error type", OPA_FIELD_ERROR_TYPE, false},
        {"image description", OPA_FIELD_IMAGE_DESCRIPTION, false},
        {"Added", OPA_FIELD_ADDED, true},
        {"added", OPA_FIELD_ADDED, false},
        {"ADDED_CONTENT", OPA_FIELD_ADDED, false},
        {"sentences", OPA_FIELD_SENTENCES, false},
        {"3", OPA_FIELD_NONE, false},
        {"", OPA_FIELD_NONE, false},
        {"___", OPA_FIELD_NONE, false},
        {"a key that is longer than any of those that anybody has ever written", OPA_FIELD_NONE, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool canonical = true;
        assert_int_equal(opa_field_of(text(cases[i].key), &canonical), cases[i].field);
        assert_int_equal(canonical, cases[i].canonical);
    }
    assert_int_equal(opa_field_of(OPA_TEXT("score\0x"), NULL), OPA_FIELD_NONE);
}

static void knows_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t number; /* -2: none */
        bool canonical;
    } cases[] = {
        {"0", 0, true},
        {"7", 7, true},
        {"12", 12, true},
        {"03", 3, false},
        {" 4", 4, false},
        {"Sentence 3", 3, false},
        {"sentence_3", 3, false},
        {"s5", 5, false},
        {"#2", 2, false},
        {"3.", 3, false},
        {"No. 8", 8, false},
        {"-1", -1, true},
        {"3a", -2, false},
        {"", -2, false},
        {"three", -2, false},
        {"1.5", -2, false},
        {"sentence", -2, false},
        {"123456789012345", 123456789012345, true},
        {"1234567890123456", -1, true},
        {"99999999999999999999999999", -1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t number = -2;
        bool canonical = false;
        assert_int_equal(opa_key_number(text(cases[i].key), &number, &canonical), cases[i].number != -2);
        assert_true(number == cases[i].number);
        assert_int_equal(canonical, cases[i].canonical);
    }
}

static void reads_scores(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        opa_score_kind kind;
        int score;
    } cases[] = {
        {"4", OPA_SCORE_READ, 4},
        {" 3 ", OPA_SCORE_READ, 3},
        {"4/4", OPA_SCORE_READ, 4},
        {"2 / 4", OPA_SCORE_READ, 2},
        {"score: 3", OPA_SCORE_READ, 3},
        {"Score=1", OPA_SCORE_READ, 1},
        {"4.0", OPA_SCORE_READ, 4},
        {"3 out of 4", OPA_SCORE_READ, 3},
        {"2 (wrong object)", OPA_SCORE_READ, 2},
        {"", OPA_SCORE_NONE, 0},
        {"  ", OPA_SCORE_NONE, 0},
        {"0", OPA_SCORE_OUTSIDE, 0},
        {"5", OPA_SCORE_OUTSIDE, 0},
        {"3.5", OPA_SCORE_OUTSIDE, 0},
        {"x", OPA_SCORE_OUTSIDE, 0},
        {"-1", OPA_SCORE_OUTSIDE, 0},
        {"3-4", OPA_SCORE_OUTSIDE, 0},
        {"2 or 3", OPA_SCORE_OUTSIDE, 0},
        {"14", OPA_SCORE_OUTSIDE, 0},
        {"4/5", OPA_SCORE_OUTSIDE, 0},
        {"99999999999999999999", OPA_SCORE_OUTSIDE, 0},
        {"score", OPA_SCORE_OUTSIDE, 0},
        {"3.05", OPA_SCORE_OUTSIDE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int score = -1;
        assert_int_equal(opa_score_of_text(text(cases[i].text), &score), cases[i].kind);
        assert_int_equal(score, cases[i].score);
    }
}

static void reads_error_types(void **state)
{
    (void)state;
    assert_int_equal(opa_error_type_of_text(text("correct")), OPA_ERROR_TYPE_CORRECT);
    assert_int_equal(opa_error_type_of_text(text("Correct ")), OPA_ERROR_TYPE_CORRECT);
    assert_int_equal(opa_error_type_of_text(text("Image_recognition_error")), OPA_ERROR_TYPE_IMAGE);
    assert_int_equal(opa_error_type_of_text(text("image recognition error")), OPA_ERROR_TYPE_IMAGE);
    assert_int_equal(opa_error_type_of_text(text("IMAGE-RECOGNITION-ERROR")), OPA_ERROR_TYPE_IMAGE);
    assert_int_equal(opa_error_type_of_text(text("language comprehension")), OPA_ERROR_TYPE_LANGUAGE);
    assert_int_equal(opa_error_type_of_text(text("hallucination")), OPA_ERROR_TYPE_NONE);
    assert_int_equal(opa_error_type_of_text(text("")), OPA_ERROR_TYPE_NONE);
    assert_string_equal(opa_error_type_name(OPA_ERROR_TYPE_IMAGE), "image_recognition_error");
    assert_string_equal(opa_error_type_name(OPA_ERROR_TYPE_LANGUAGE), "language_comprehension_error");
    assert_null(opa_error_type_name(OPA_ERROR_TYPE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_keys),
        cmocka_unit_test(knows_numbers),
        cmocka_unit_test(reads_scores),
        cmocka_unit_test(reads_error_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
