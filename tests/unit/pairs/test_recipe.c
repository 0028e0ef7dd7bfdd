/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/pairs.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pairs/recipe.h"

static int set_up(void **state)
{
    return opa_context_new((opa_context **)state);
}

static int tear_down(void **state)
{
    opa_context_free(*state);
    return 0;
}

static void built_ins_are_documents_like_any_other(void **state)
{
    size_t count;
    const opa_recipe_builtin *table = opa_recipe_builtins(&count);
    assert_int_equal(count, 4);
    assert_string_equal(table[0].name, "opa-dpo");
    for (size_t i = 0; i < count; i++) {
        opa_recipe *by_name, *by_json;
        assert_int_equal(opa_recipe_open(*state, &by_name, table[i].name), OPA_OK);
        assert_string_equal(opa_recipe_name(by_name), table[i].name);
        /* Canonical is a fixed point. */
        assert_int_equal(opa_recipe_parse(*state, &by_json, opa_recipe_json(by_name)), OPA_OK);
        assert_string_equal(opa_recipe_json(by_name).data, opa_recipe_json(by_json).data);
        opa_recipe_free(by_name);
        opa_recipe_free(by_json);
    }
    opa_recipe *recipe;
    assert_int_equal(opa_recipe_open(*state, &recipe, NULL), OPA_OK);
    assert_string_equal(opa_recipe_name(recipe), "opa-dpo");
    assert_false(opa_recipe_align_options(recipe).keep_revised);
    opa_recipe_free(recipe);
    assert_int_equal(opa_recipe_open(*state, &recipe, "opa-dpo-release"), OPA_OK);
    assert_true(opa_recipe_align_options(recipe).keep_revised);
    opa_recipe_free(recipe);
}

static void defaults_are_written_out(void **state)
{
    opa_recipe *recipe;
    const opa_text json = OPA_TEXT("{\"pairs\":[{\"type\":\"image\",\"response\":\"revised\"}],"
                                   "\"weights\":{\"language\":{\"by\":\"score\",\"1\":7}},"
                                   "\"schema_version\":1,\"name\":\"mine\"}");
    assert_int_equal(opa_recipe_parse(*state, &recipe, json), OPA_OK);
    assert_string_equal(
        opa_recipe_json(recipe).data,
        "{\"schema_version\":1,\"name\":\"mine\",\"description\":\"\",\"revised\":\"spliced\",\"tokenization\":"
        "\"whole\","
        "\"pairs\":[{\"type\":\"image\",\"response\":\"revised\",\"mask\":0,\"weights\":null}],"
        "\"weights\":{\"language\":{\"by\":\"score\",\"1\":7,\"2\":2,\"3\":1.5,\"4\":1,\"none\":1,\"added\":1},"
        "\"image\":{\"by\":\"none\"}},\"masks\":[{\"method\":\"none\",\"ratio\":0}],"
        "\"filters\":{\"repetition\":\"loop\",\"report\":\"any\",\"revised\":\"any\",\"unedited\":\"keep\","
        "\"certificate\":\"any\",\"edit_share_max\":null},"
        "\"limits\":{\"prompt_tokens\":null,\"response_tokens\":null}}");
    opa_recipe_free(recipe);
}

/* The order of a list does not change a pack's bytes. */
static void certificates_have_one_spelling(void **state)
{
    static const char *const cases[][2] = {
        {"\"any\"", "\"certificate\":\"any\""},
        {"[\"repaired\",\"exact\"]", "\"certificate\":[\"exact\",\"repaired\"]"},
        {"[\"none\",\"broken\"]", "\"certificate\":[\"broken\",\"none\"]"},
        {"[\"none\",\"broken\",\"ambiguous\",\"exact\",\"repaired\"]", "\"certificate\":\"any\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[400];
        opa_recipe *recipe;
        snprintf(json, sizeof json,
                 "{\"schema_version\":1,\"name\":\"x\",\"pairs\":[{\"type\":\"anchor\",\"response\":\"revised\"}],"
                 "\"filters\":{\"certificate\":%s,\"unedited\":\"drop\",\"edit_share_max\":0.5},"
                 "\"weights\":{\"image\":{\"by\":\"hunks\",\"kept\":0.5}}}",
                 cases[i][0]);
        assert_int_equal(opa_recipe_parse(*state, &recipe, (opa_text){json, strlen(json)}), OPA_OK);
        const char *canonical = opa_recipe_json(recipe).data;
        assert_non_null(strstr(canonical, cases[i][1]));
        assert_non_null(strstr(canonical, "\"unedited\":\"drop\","));
        assert_non_null(strstr(canonical, "\"edit_share_max\":0.5}"));
        assert_non_null(strstr(canonical, "\"image\":{\"by\":\"hunks\",\"changed\":1,\"kept\":0.5}}"));
        opa_recipe_free(recipe);
    }
}

#define HEAD "{\"schema_version\":1,\"name\":\"x\",\"pairs\":"
#define ANCHOR "[{\"type\":\"anchor\",\"response\":\"revised\"}]"

/* Each message names the place and what is allowed. */
static void refusals_name_the_place(void **state)
{
    static const char *const cases[][2] = {
        {"[]", "the document"},
        {"{", "recipe"},
        {"{}", "schema_version: missing; allowed is 1"},
        {"{\"schema_version\":2,\"name\":\"x\",\"pairs\":" ANCHOR "}", "schema_version: not allowed"},
        {"{\"schema_version\":1,\"pairs\":" ANCHOR "}", "name: missing"},
        {"{\"schema_version\":1,\"name\":\"a b\",\"pairs\":" ANCHOR "}", "name: not allowed"},
        {"{\"schema_version\":1,\"name\":\"x\"}", "pairs: missing"},
        {HEAD "[]}", "pairs: not allowed"},
        {HEAD ANCHOR ",\"extra\":1}", "extra: unknown key"},
        {HEAD "[{\"type\":\"langage\"}]}",
         "pairs[0].type: not allowed; allowed is \"language\", \"image\" or \"anchor\""},
        {HEAD "[{\"type\":\"language\",\"chozen\":1}]}", "pairs[0].chozen: unknown key"},
        {HEAD "[{\"type\":\"language\",\"chosen\":\"revised\"}]}", "pairs[0].rejected: missing"},
        {HEAD "[{\"type\":\"language\",\"chosen\":\"revised\",\"rejected\":\"revised\"}]}", "same response"},
        {HEAD "[{\"type\":\"image\",\"response\":\"revised\",\"mask\":1}]}", "pairs[0].mask"},
        {HEAD "[{\"type\":\"anchor\",\"response\":\"revised\",\"weights\":null}]}", "pairs[0].weights: unknown key"},
        {HEAD ANCHOR ",\"weights\":{\"language\":{\"by\":\"none\",\"1\":2}}}", "weights.language.1: unknown key"},
        {HEAD ANCHOR ",\"weights\":{\"language\":{\"by\":\"score\",\"1\":-2}}}", "weights.language.1: not allowed"},
        {HEAD ANCHOR ",\"weights\":{\"image\":{}}}", "weights.image.by: missing"},
        {HEAD ANCHOR ",\"masks\":[{\"method\":\"pixels\"}]}", "masks[0].ratio: missing"},
        {HEAD ANCHOR ",\"masks\":[{\"method\":\"pixels\",\"ratio\":1.5}]}", "masks[0].ratio: not allowed"},
        {HEAD ANCHOR ",\"filters\":{\"repetition\":\"all\"}}", "filters.repetition: not allowed"},
        {HEAD ANCHOR ",\"filters\":{\"unedited\":true}}",
         "filters.unedited: not allowed; allowed is \"keep\" or \"drop\""},
        {HEAD ANCHOR ",\"filters\":{\"certificate\":\"exact\"}}",
         "filters.certificate: not allowed; allowed is \"any\" or"},
        {HEAD ANCHOR ",\"filters\":{\"certificate\":[]}}", "filters.certificate: not allowed"},
        {HEAD ANCHOR ",\"filters\":{\"certificate\":[\"exact\",\"any\"]}}", "filters.certificate[1]: not allowed"},
        {HEAD ANCHOR ",\"filters\":{\"certificate\":[\"exact\",\"exact\"]}}", "\"exact\" stands twice"},
        {HEAD ANCHOR ",\"filters\":{\"edit_share_max\":1.5}}",
         "filters.edit_share_max: not allowed; allowed is null or a share from 0 to 1"},
        {HEAD ANCHOR ",\"filters\":{\"edit_share_max\":\"0.5\"}}", "filters.edit_share_max: not allowed"},
        {HEAD ANCHOR ",\"weights\":{\"language\":{\"by\":\"hunks\",\"1\":2}}}", "weights.language.1: unknown key"},
        {HEAD ANCHOR ",\"weights\":{\"image\":{\"by\":\"hunks\",\"changed\":-1}}}",
         "weights.image.changed: not allowed"},
        {HEAD ANCHOR ",\"tokenization\":\"sentences\",\"weights\":{\"image\":{\"by\":\"hunks\"}}}",
         "weights.image.by: \"hunks\" needs the tokenization \"whole\""},
        {HEAD ANCHOR ",\"limits\":{\"prompt_tokens\":0}}", "limits.prompt_tokens: not allowed"},
        {HEAD ANCHOR ",\"revised\":null}", "revised: not allowed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        opa_recipe *recipe;
        assert_int_equal(opa_recipe_parse(*state, &recipe, (opa_text){cases[i][0], strlen(cases[i][0])}), OPA_EDATA);
        assert_null(recipe);
        if (!strstr(opa_context_message(*state), cases[i][1]))
            fail_msg("%s: %s", cases[i][0], opa_context_message(*state));
    }
}

static void files_are_recipes_too(void **state)
{
    char path[] = "/tmp/opa-recipe-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fputs(HEAD ANCHOR "}\n", f);
    fclose(f);
    opa_recipe *recipe;
    assert_int_equal(opa_recipe_open(*state, &recipe, path), OPA_OK);
    assert_string_equal(opa_recipe_name(recipe), "x");
    opa_recipe_free(recipe);
    remove(path);
    assert_int_equal(opa_recipe_open(*state, &recipe, path), OPA_ENOENT);
    assert_int_equal(opa_recipe_open(*state, &recipe, "/"), OPA_EIO);
    opa_recipe_free(NULL);
}

static void weights_follow_the_report(void **state)
{
    opa_recipe *recipe;
    assert_int_equal(opa_recipe_open(*state, &recipe, NULL), OPA_OK);
    static const double by_score[] = {1, 2.5, 2, 1.5, 1}, by_type[] = {1, 1, 3, 1};
    for (int i = 0; i <= 4; i++)
        assert_true(opa_weighting_value(&recipe->weights[0], &(opa_sentence){.score = i}) == by_score[i]);
    for (int i = 0; i <= 3; i++)
        assert_true(opa_weighting_value(&recipe->weights[1], &(opa_sentence){.error_type = (opa_error_type)i}) ==
                    by_type[i]);
    assert_true(opa_weighting_value(&recipe->weights[0], &(opa_sentence){.score = 1, .added = true}) == 1);
    opa_recipe_free(recipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(built_ins_are_documents_like_any_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(defaults_are_written_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(certificates_have_one_spelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_name_the_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_recipes_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(weights_follow_the_report, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
