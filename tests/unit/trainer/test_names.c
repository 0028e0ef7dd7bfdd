/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "model/names.h"

static void every_layout_means_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum part part;
        const char *rest;
    } keys[] = {
        {"language_model.model.layers.3.mlp.up_proj.weight", PART_TEXT, "layers.3.mlp.up_proj.weight"},
        {"model.language_model.layers.3.mlp.up_proj.weight", PART_TEXT, "layers.3.mlp.up_proj.weight"},
        {"model.layers.3.mlp.up_proj.weight", PART_TEXT, "layers.3.mlp.up_proj.weight"},
        {"language_model.lm_head.weight", PART_HEAD, "weight"},
        {"lm_head.weight", PART_HEAD, "weight"},
        {"multi_modal_projector.linear_2.bias", PART_PROJECTOR, "linear_2.bias"},
        {"model.multi_modal_projector.linear_2.bias", PART_PROJECTOR, "linear_2.bias"},
        {"model.mm_projector.2.bias", PART_PROJECTOR, "linear_2.bias"},
        {"model.mm_projector.0", PART_PROJECTOR, "linear_1"},
        {"vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias", PART_VISION, "encoder.layers.0.mlp.fc1.bias"},
        {"model.vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias", PART_VISION, "encoder.layers.0.mlp.fc1.bias"},
        {"vision_tower.encoder.layers.0.mlp.fc1.bias", PART_VISION, "encoder.layers.0.mlp.fc1.bias"},
        {"model.vision_tower.encoder.layers.0.mlp.fc1.bias", PART_VISION, "encoder.layers.0.mlp.fc1.bias"},
        {"model.vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias", PART_VISION,
         "encoder.layers.0.mlp.fc1.bias"},
        {"vision_model.pre_layrnorm.weight", PART_VISION, "pre_layrnorm.weight"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct name name;
        assert_true(name_parse(&name, keys[i].key));
        assert_int_equal(name.part, keys[i].part);
        assert_string_equal(name.rest, keys[i].rest);
    }
    struct name name;
    assert_false(name_parse(&name, "transformer.h.0.attn.weight"));
}

static void tensors_that_no_pass_reads_are_known(void **state)
{
    (void)state;
    assert_true(name_is_idle("model.layers.0.self_attn.rotary_emb.inv_freq"));
    assert_true(name_is_idle("vision_model.embeddings.position_ids"));
    assert_true(name_is_idle("model.vision_tower.vision_model.post_layernorm.bias"));
    assert_true(name_is_idle("text_model.final_layer_norm.weight"));
    assert_true(name_is_idle("logit_scale"));
    assert_false(name_is_idle("model.layers.0.post_attention_layernorm.weight"));
    assert_false(name_is_idle("vision_model.pre_layrnorm.weight"));
}

static void spellings_have_names(void **state)
{
    (void)state;
    static const char *const paths[][2] = {
        {"hf-5", "model.vision_tower.encoder.layers.0.mlp.fc1"},
        {"hf-4.52", "model.vision_tower.vision_model.encoder.layers.0.mlp.fc1"},
        {"hf-4.51", "vision_tower.vision_model.encoder.layers.0.mlp.fc1"},
        {"llava", "model.vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1"},
    };
    enum spelling spelling;
    char path[256];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_true(spelling_parse(&spelling, paths[i][0]));
        assert_true(name_spell(path, sizeof path, spelling, PART_VISION, "encoder.layers.0.mlp.fc1"));
        assert_string_equal(path, paths[i][1]);
    }
    assert_false(spelling_parse(&spelling, "hf"));
    assert_false(spelling_parse(&spelling, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_means_the_same),
        cmocka_unit_test(spellings_have_names),
        cmocka_unit_test(tensors_that_no_pass_reads_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
