/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <regex.h>

#include "model/target_modules.h"

static const struct module_name modules[] = {
    {PART_TEXT, "layers.0.self_attn.q_proj"},  {PART_TEXT, "layers.1.self_attn.q_proj"},
    {PART_TEXT, "layers.0.mlp.up_proj"},       {PART_PROJECTOR, "linear_1"},
    {PART_VISION, "encoder.layers.3.mlp.fc1"},
};
enum { TEXT = 3, ALL = 5 };

static void parts_have_their_own_prefix_and_names(void **state)
{
    (void)state;
    char out[TARGET_MODULES_SIZE];
    target_modules(out, SPELLING_HF, modules, ALL);
    assert_string_equal(out, "model\\.language_model\\.layers\\.(.*\\.)?(q_proj|up_proj)"
                             "|model\\.multi_modal_projector\\.(.*\\.)?(linear_1)"
                             "|model\\.vision_tower\\.(.*\\.)?(fc1)");
    target_modules(out, SPELLING_LLAVA, modules + TEXT, 1);
    assert_string_equal(out, "model\\.mm_projector\\.(.*\\.)?(0)");
    target_modules(out, SPELLING_TEXT, modules, 0);
    assert_string_equal(out, "");
}

/* Python's fullmatch, with POSIX's expressions. */
static bool matches(const char *expression, const char *path)
{
    char whole[TARGET_MODULES_SIZE + 8];
    regex_t regex;
    snprintf(whole, sizeof whole, "^(%s)$", expression);
    assert_int_equal(regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB), 0);
    const bool yes = regexec(&regex, path, 0, NULL, 0) == 0;
    regfree(&regex);
    return yes;
}

static void the_language_model_is_matched_without_the_tower(void **state)
{
    (void)state;
    char out[TARGET_MODULES_SIZE], path[256];
    for (int s = 0; s < SPELLING_COUNT; s++) {
        target_modules(out, (enum spelling)s, modules, TEXT);
        for (size_t i = 0; i < TEXT; i++) {
            assert_true(name_spell(path, sizeof path, (enum spelling)s, PART_TEXT, modules[i].rest));
            assert_true(matches(out, path));
        }
        assert_true(name_spell(path, sizeof path, (enum spelling)s, PART_TEXT, "layers.0.self_attn.k_proj"));
        assert_false(matches(out, path));
        if (s == SPELLING_TEXT)
            continue;
        assert_true(name_spell(path, sizeof path, (enum spelling)s, PART_VISION, "encoder.layers.0.self_attn.q_proj"));
        assert_false(matches(out, path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_their_own_prefix_and_names),
        cmocka_unit_test(the_language_model_is_matched_without_the_tower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
