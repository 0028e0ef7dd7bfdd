/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes over hand-made samples: which pairs, filters, limits, and what the released semantics flag instead of losing.
 * Tokens are the embedded words, so that counts can be read off. */
#include <opapairs/pairs.h>

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/utf8.h"

static opa_context *ctx;
static opa_tokenizer *tokenizer;
static opa_encoder *encoder;
static opa_json_writer *writer;
static opa_recipe *recipe;
static opa_findings findings;
static opa_assessment assessment;
static opa_json *member;

static int set_up(void **state)
{
    (void)state;
    return opa_context_new(&ctx) || opa_tokenizer_words(ctx, &tokenizer) || opa_encoder_new(ctx, &encoder, tokenizer) ||
           opa_json_writer_new(ctx, &writer);
}

static int tear_down(void **state)
{
    (void)state;
    opa_json_free(member);
    member = NULL;
    opa_recipe_free(recipe);
    recipe = NULL;
    opa_assessment_release(&assessment);
    opa_findings_release(&findings);
    opa_json_writer_free(writer);
    opa_encoder_free(encoder);
    opa_tokenizer_free(tokenizer);
    opa_context_free(ctx);
    return 0;
}

static void ok(int status)
{
    if (status)
        fail_msg("%s: %s", opa_status_name(status), opa_context_message(ctx));
}

static void use_recipe(const char *name_or_json)
{
    opa_recipe_free(recipe);
    ok(name_or_json[0] == '{' ? opa_recipe_parse(ctx, &recipe, (opa_text){name_or_json, strlen(name_or_json)})
                              : opa_recipe_open(ctx, &recipe, name_or_json));
}

#define S(literal) OPA_TEXT(literal)

static opa_sample sound(void)
{
    return (opa_sample){
        .id = S("id"),
        .has_image = true,
        .image_format = OPA_IMAGE_JPEG,
        .image_width = 1,
        .image_height = 1,
        .prompt = S("Say"),
        .generated = S("A dog runs. It rains."),
        .revised = S("A cat runs. It rains."),
        .ground_truth = S("A cat."),
        .report_expected = true,
        .report = S("{\"0\":{\"copied_content\":\"A dog runs.\",\"score\":2,\"error_type\":\"image_recognition_error\","
                    "\"rewritten_content\":\"A cat runs.\"},\"1\":{\"copied_content\":\"It rains.\",\"score\":4,"
                    "\"error_type\":\"correct\",\"rewritten_content\":\"It rains.\"}}"),
    };
}

static opa_pairs apply(const opa_sample *s)
{
    opa_pairs out;
    const opa_align_options align = opa_recipe_align_options(recipe);
    opa_assessment_release(&assessment);
    ok(opa_assess(ctx, &assessment, s, &align, NULL));
    opa_recipe_apply(recipe, &out, s, &assessment);
    return out;
}

static int make(const opa_sample *s)
{
    const opa_pairs_options options = {.recipe = recipe, .encoder = encoder, .tokenizer = tokenizer, .eos = 7};
    opa_text json;
    apply(s);
    opa_findings_release(&findings);
    opa_json_free(member);
    member = NULL;
    opa_json_writer_clear(writer);
    const int status = opa_pairs_write(ctx, writer, &options, s, &assessment, &findings);
    if (status == OPA_OK) {
        ok(opa_json_writer_finish(writer, &json));
        ok(opa_json_parse(ctx, &member, json, NULL, NULL));
    }
    return status;
}

static const cJSON *response(const char *role)
{
    return opa_json_get(opa_json_get(opa_json_root(member), "responses"), role);
}

/* The language weights of a response as digits times ten: "20 20 10 0". */
static void weights_are(const char *role, const char *which, const char *wanted)
{
    opa_buffer b = {0};
    double x;
    const cJSON *list = opa_json_get(opa_json_get(response(role), "weights"), which);
    assert_non_null(list);
    for (const cJSON *item = list->child; item; item = item->next) {
        assert_true(opa_json_number(member, item, &x));
        opa_buffer_printf(&b, "%s%g", b.size ? " " : "", x);
    }
    assert_int_equal(cJSON_GetArraySize(list), cJSON_GetArraySize(opa_json_get(response(role), "ids")));
    assert_string_equal(b.data, wanted);
    opa_buffer_release(&b);
}

static bool found(int code)
{
    for (size_t i = 0; i < findings.count; i++)
        if (findings.items[i].code == code)
            return true;
    return false;
}

static void pairs_need_their_texts_and_image(void **state)
{
    (void)state;
    use_recipe("opa-dpo");
    opa_sample s = sound();
    opa_pairs p = apply(&s);
    assert_true(p.counts.language == 2 && p.counts.image == 2 && p.counts.anchor == 2 && p.left_out == 0);
    s.has_image = false;
    p = apply(&s);
    assert_true(p.counts.language == 2 && p.counts.image == 0 && p.counts.anchor == 2);
    s.ground_truth = S(" \n");
    p = apply(&s);
    assert_true(p.counts.language == 1 && p.counts.anchor == 1 && p.use_revised && !p.use_ground_truth);
    s.report = s.revised = (opa_text){0};
    s.report_expected = false;
    p = apply(&s);
    assert_true(p.left_out == 0 && p.counts.language + p.counts.image + p.counts.anchor == 0);
    use_recipe("dpo");
    s = sound();
    p = apply(&s);
    assert_true(p.counts.language == 2 && p.counts.image == 0 && p.counts.anchor == 0);
}

static void filters_say_why(void **state)
{
    (void)state;
    opa_sample s = sound();
    use_recipe("opa-dpo-release");
    assert_int_equal(apply(&s).left_out, 0);
    s.report = S("\"\"");
    opa_pairs p = apply(&s);
    assert_int_equal(p.left_out, OPA_F_FILTERED);
    assert_non_null(strstr(p.reason, "filters.report"));
    assert_int_equal(p.counts.language, 0);
    s = sound();
    s.generated = S("A dog runs. It rains..");
    p = apply(&s);
    assert_non_null(strstr(p.reason, "filters.repetition"));
    use_recipe("opa-dpo");
    assert_int_equal(apply(&s).left_out, 0);
    s = sound();
    s.revised = S("");
    use_recipe("opa-dpo-release");
    assert_non_null(strstr(apply(&s).reason, "filters.revised"));
}

#define FILTERED(filters)                                                                                              \
    "{\"schema_version\":1,\"name\":\"x\",\"pairs\":[{\"type\":\"anchor\",\"response\":\"generated\"}],\"filters\":"   \
    "{" filters "}}"

static void unedited_samples_can_be_dropped(void **state)
{
    (void)state;
    opa_sample s = sound();
    use_recipe(FILTERED("\"unedited\":\"drop\""));
    assert_int_equal(apply(&s).left_out, 0);
    s.revised = s.generated;
    s.report_expected = false;
    s.report = (opa_text){0};
    opa_pairs p = apply(&s);
    assert_int_equal(p.left_out, OPA_F_FILTERED);
    assert_string_equal(p.reason, "filters.unedited: the revised text is the generated one");
    s.revised = (opa_text){0};
    assert_string_equal(apply(&s).reason, "filters.unedited: the sample has no revised text");
    use_recipe(FILTERED("\"unedited\":\"keep\""));
    assert_int_equal(apply(&s).left_out, 0);
}

static void certificates_can_be_required(void **state)
{
    (void)state;
    opa_sample exact = sound(), repaired = sound(), broken = sound(), none = sound();
    repaired.generated = S("A dog  runs. It rains.");
    broken.generated = S("A wolf sleeps in the snow. It rains.");
    none.report_expected = false;
    none.report = (opa_text){0};
    opa_sample *const samples[] = {&none, &exact, &repaired, &broken};
    static const char *const names[] = {"no report", "exact", "repaired", "broken"};
    static const struct {
        const char *recipe;
        bool passes[4];
    } cases[] = {
        {FILTERED("\"certificate\":\"any\""), {true, true, true, true}},
        {FILTERED("\"certificate\":[\"exact\"]"), {false, true, false, false}},
        {FILTERED("\"certificate\":[\"exact\",\"repaired\"]"), {false, true, true, false}},
        {FILTERED("\"certificate\":[\"none\",\"broken\"]"), {true, false, false, true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        use_recipe(cases[i].recipe);
        for (size_t k = 0; k < 4; k++) {
            const opa_pairs p = apply(samples[k]);
            assert_int_equal(p.left_out, cases[i].passes[k] ? 0 : OPA_F_FILTERED);
            if (p.left_out)
                assert_true(strncmp(p.reason, "filters.certificate: ", 21) == 0 && strstr(p.reason, names[k]));
        }
    }
}

/* 7 and 7 tokens, one changed on each side. */
static void the_share_of_edits_can_be_capped(void **state)
{
    (void)state;
    opa_sample s = sound();
    use_recipe(FILTERED("\"edit_share_max\":0.142857142857142849"));
    ok(make(&s));
    assert_int_equal(apply(&s).left_out, 0);
    use_recipe(FILTERED("\"edit_share_max\":0.1428"));
    assert_int_equal(apply(&s).left_out, 0); /* tokens are not known there */
    assert_int_equal(make(&s), OPA_ERECORD);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.items[0].code, OPA_F_FILTERED);
    assert_string_equal(findings.items[0].message,
                        "filters.edit_share_max: 2 of 14 tokens are edited, over the recipe's share of 0.1428");
    /* Only an insertion, only a deletion, nothing at all. */
    s.report = S("");
    s.revised = S("A dog runs. It rains. No.");
    s.revised_by_hand = true;
    assert_int_equal(make(&s), OPA_OK); /* 2 of 16 */
    s.generated = S("A dog runs. It rains. Yes, it is so.");
    s.revised = S("A dog runs. It rains.");
    assert_int_equal(make(&s), OPA_ERECORD); /* 6 of 20 */
    use_recipe(FILTERED("\"edit_share_max\":0"));
    s.revised = s.generated;
    ok(make(&s));
    s.revised = (opa_text){0};
    s.revised_by_hand = false;
    ok(make(&s));
}

static void weights_go_by_sentence(void **state)
{
    (void)state;
    opa_sample s = sound();
    use_recipe("opa-dpo");
    ok(make(&s));
    weights_are("generated", "language", "2 2 2 2 1 1 1 0");
    weights_are("generated", "image", "3 3 3 3 1 1 1 0");
    weights_are("revised", "language", "2 2 2 2 1 1 1 1");
    weights_are("revised", "image", "3 3 3 3 1 1 1 1");
    weights_are("ground_truth", "language", "1 1 1 1");
    s.report = (opa_text){0};
    s.report_expected = false;
    ok(make(&s));
    weights_are("generated", "language", "1 1 1 1 1 1 1 0");
    weights_are("revised", "image", "1 1 1 1 1 1 1 1");
    use_recipe("{\"schema_version\":1,\"name\":\"x\",\"pairs\":[{\"type\":\"anchor\",\"response\":\"revised\"}],"
               "\"weights\":{\"language\":{\"by\":\"score\",\"2\":7,\"4\":0.25}}}");
    s = sound();
    ok(make(&s));
    weights_are("revised", "language", "7 7 7 7 0.25 0.25 0.25 0.25");
    weights_are("revised", "image", "1 1 1 1 1 1 1 1");
    weights_are("ground_truth", "language", "1 1 1 1"); /* no pair uses it, but it can be scored */
}

static void limits_leave_out(void **state)
{
    (void)state;
    opa_sample s = sound();
    use_recipe("{\"schema_version\":1,\"name\":\"x\",\"pairs\":[{\"type\":\"anchor\",\"response\":\"revised\"}],"
               "\"limits\":{\"response_tokens\":8,\"prompt_tokens\":1}}");
    ok(make(&s));
    s.prompt = S("Say it");
    assert_int_equal(make(&s), OPA_ERECORD);
    assert_true(found(OPA_F_PROMPT_LONG));
    s.generated = S("A dog runs. It rains. No");
    assert_int_equal(make(&s), OPA_ERECORD);
    assert_true(found(OPA_F_RESPONSE_LONG));
}

static void a_false_alignment_is_refused(void **state)
{
    (void)state;
    opa_sample s = sound();
    use_recipe("opa-dpo");
    const opa_pairs_options options = {.recipe = recipe, .encoder = encoder, .tokenizer = tokenizer, .eos = 7};
    apply(&s);
    assert_true(assessment.alignment.hunk_count > 1);
    for (size_t i = 0; i < assessment.alignment.hunk_count; i++) {
        const opa_op kept = assessment.alignment.hunks[i].op;
        assessment.alignment.hunks[i].op = kept == OPA_KEEP ? OPA_SUBSTITUTE : OPA_KEEP;
        assert_int_equal(opa_pairs_write(ctx, writer, &options, &s, &assessment, &findings), OPA_ERECORD);
        assert_true(found(OPA_F_ALIGNMENT_PROOF));
        assessment.alignment.hunks[i].op = kept;
    }
    assessment.alignment.hunk_count--;
    assert_int_equal(opa_pairs_write(ctx, writer, &options, &s, &assessment, &findings), OPA_ERECORD);
}

static void the_release_flags_what_it_would_lose(void **state)
{
    (void)state;
    opa_sample s = sound();
    use_recipe("opa-dpo-release");
    ok(make(&s));
    assert_int_equal(findings.count, 0);
    weights_are("revised", "image", "3 3 3 3 1 1 1 1");
    /* Spellings: the weights that were meant stay. */
    s.report =
        S("{\"0\":{\"copied_content\":\"A dog runs.\",\"score\":\"2\",\"error_type\":\"Image_recognition_error\","
          "\"rewritten_content\":\"A cat runs.\"},\"1\":{\"copied_content\":\"It rains.\",\"score\":4,"
          "\"error_type\":\"correct\",\"rewritten_content\":\"It rains.\"}}");
    ok(make(&s));
    weights_are("generated", "language", "2 2 2 2 1 1 1 0");
    weights_are("generated", "image", "3 3 3 3 1 1 1 0");
    assert_true(found(OPA_F_SCORE_TYPE) && found(OPA_F_ERROR_TYPE_SPELLING));
    /* A report inside a string is read all the same. */
    s.report = S("\"{\\\"0\\\":{\\\"copied_content\\\":\\\"A dog runs. It rains.\\\",\\\"score\\\":1,"
                 "\\\"rewritten_content\\\":\\\"A cat.\\\"}}\"");
    ok(make(&s));
    assert_true(found(OPA_F_REPORT_STRING));
    weights_are("revised", "language", "2.5 2.5 2.5 2.5");
    /* A sentence that stands nowhere: the expert's copy is what the release trains on. */
    s.report = S("{\"0\":{\"copied_content\":\"A wolf runs fast.\",\"score\":2,\"error_type\":\"correct\","
                 "\"rewritten_content\":\"A cat runs.\"}}");
    ok(make(&s));
    assert_true(found(OPA_F_SEGMENT_MISSING));
    weights_are("generated", "language", "2 2 2 2 2 0");
    /* The first sentence is empty on one side: no BOS there. */
    s.report = S(
        "{\"0\":{\"copied_content\":\"A dog runs.\",\"score\":1,\"error_type\":\"correct\",\"rewritten_content\":\"\"},"
        "\"1\":{\"copied_content\":\"It rains.\",\"score\":3,\"error_type\":\"correct\",\"rewritten_content\":\"It "
        "rains.\"},"
        "\"Added\":{\"rewritten_content\":\"A cat.\"}}");
    ok(make(&s));
    assert_null(opa_json_get(response("generated"), "bos"));
    assert_true(cJSON_IsFalse(opa_json_get(response("revised"), "bos")));
    weights_are("generated", "language", "2.5 2.5 2.5 2.5 1.5 1.5 1.5 0");
    weights_are("revised", "language", "1.5 1.5 1.5 1 1 1 1");
    /* One side empty: tokenised whole, with weights. */
    s.report = S("{\"0\":{\"copied_content\":\"A dog runs. It rains.\",\"score\":1,\"error_type\":\"correct\","
                 "\"rewritten_content\":\"\"}}");
    ok(make(&s));
    assert_true(found(OPA_F_REVISED_EMPTY));
    assert_int_equal(cJSON_GetArraySize(opa_json_get(response("revised"), "ids")), 8);
}

static void the_release_flags_long_responses(void **state)
{
    (void)state;
    opa_sample s = sound();
    opa_buffer text = {0}, report = {0};
    for (int i = 0; i < 900; i++)
        opa_buffer_printf(&text, "%sw%d", i ? " " : "", i);
    opa_buffer_printf(
        &report,
        "{\"0\":{\"copied_content\":\"%s\",\"score\":3,\"error_type\":\"correct\",\"rewritten_content\":\"%s\"}}",
        text.data, text.data);
    use_recipe("opa-dpo-release");
    s.generated = s.revised = opa_buffer_text(&text);
    s.report = opa_buffer_text(&report);
    ok(make(&s));
    assert_true(found(OPA_F_RESPONSE_LONG));
    assert_int_equal(cJSON_GetArraySize(opa_json_get(response("revised"), "ids")), 901);
    opa_buffer_release(&text);
    opa_buffer_release(&report);
}

/* Whatever it is: a member holds the report as text. */
static void the_report_is_kept_as_it_came(void **state)
{
    (void)state;
    static const char *const reports[] = {"{\"0\": {\"score\":NaN, \"x\":[1.50,true,\"\\ud800\"]}}", "{\"0\": {",
                                          "\"\""};
    opa_sample s = sound();
    use_recipe("opa-dpo");
    for (size_t i = 0; i < 3; i++) {
        opa_text got;
        s.report = (opa_text){reports[i], strlen(reports[i])};
        ok(make(&s));
        assert_true(opa_json_text(member, opa_json_get(opa_json_root(member), "feedback"), &got));
        assert_true(opa_text_equal(got, s.report));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pairs_need_their_texts_and_image, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filters_say_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unedited_samples_can_be_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(certificates_can_be_required, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_share_of_edits_can_be_capped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(weights_go_by_sentence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_leave_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_false_alignment_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_release_flags_what_it_would_lose, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_release_flags_long_responses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_report_is_kept_as_it_came, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
