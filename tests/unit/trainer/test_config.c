/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "model/config.h"

static int parse(struct trainer *t, struct model_config *out, const char *json)
{
    return model_config_parse(t, out, (opa_text){json, strlen(json)}, "config.json");
}

static void what_is_left_out_is_transformers_default(void **state)
{
    (void)state;
    struct trainer t;
    struct model_config c;
    start(&t, NULL);
    assert_int_equal(parse(&t, &c, "{\"model_type\":\"llava\"}"), OPA_OK);
    assert_int_equal(c.text.hidden, 4096);
    assert_int_equal(c.text.intermediate, 11008);
    assert_int_equal(c.text.layers, 32);
    assert_int_equal(c.text.kv_heads, 32);
    assert_int_equal(c.text.head_dim, 128);
    assert_true(c.text.rms_eps == 1e-6);
    assert_int_equal(c.vision.hidden, 1024);
    assert_int_equal(c.vision.image_size, 336);
    assert_int_equal(model_vision_depth(&c), 23);
    assert_int_equal(model_view_rows(&c), 576);
    assert_int_equal(c.image_token, 32000);
    model_config_release(&c);
    assert_int_equal(parse(&t, &c, "{\"model_type\":\"llava\",\"vision_config\":{\"hidden_size\":96}}"), OPA_OK);
    assert_int_equal(c.vision.layers, 12);
    assert_int_equal(c.vision.patch_size, 32);
    assert_int_equal(c.vision.activation, OPS_QUICK_GELU);
    model_config_release(&c);
    stop(&t);
}

static void onevision_is_siglip_and_qwen2(void **state)
{
    (void)state;
    struct trainer t;
    struct model_config c;
    start(&t, NULL);
    assert_int_equal(
        parse(&t, &c, "{\"model_type\":\"llava_onevision\",\"image_grid_pinpoints\":[[384,384],[768,1152]]}"), OPA_OK);
    assert_int_equal(c.family, FAMILY_ONEVISION);
    assert_int_equal(c.text.vocabulary, 151936);
    assert_true(c.text.qkv_bias && !c.text.out_bias && !c.text.mlp_bias);
    assert_int_equal(c.vision.tower, TOWER_SIGLIP);
    assert_int_equal(c.vision.hidden, 1152);
    assert_int_equal(c.vision.activation, OPS_GELU_TANH);
    assert_int_equal(model_vision_depth(&c), 26);
    assert_int_equal(clip_tokens(&c.vision), 729);
    assert_int_equal(model_view_rows(&c), 729);
    assert_int_equal(c.anyres.count, 2);
    assert_int_equal(c.anyres.width[1], 1152);
    assert_int_equal(c.anyres.most, 9);
    model_config_release(&c);
    static const struct {
        const char *json;
        int status;
    } bad[] = {
        {"{\"model_type\":\"llava_onevision\"}", OPA_EDATA},
        {"{\"model_type\":\"llava_onevision\",\"image_grid_pinpoints\":[[384,385]]}", OPA_EDATA},
        {"{\"model_type\":\"llava_onevision\",\"image_grid_pinpoints\":[[384]]}", OPA_EDATA},
        {"{\"model_type\":\"llava_onevision\",\"image_grid_pinpoints\":[[384,1e300]]}", OPA_EDATA},
        {"{\"model_type\":\"llava_onevision\",\"image_grid_pinpoints\":[[384,384]],\"vision_aspect_ratio\":\"pad\"}",
         OPA_EUNSUPPORTED},
        {"{\"model_type\":\"llava_onevision\",\"image_grid_pinpoints\":[[384,384]],"
         "\"vision_config\":{\"model_type\":\"clip_vision_model\"}}",
         OPA_EUNSUPPORTED},
        {"{\"model_type\":\"llava_onevision\",\"image_grid_pinpoints\":[[384,384]],\"vision_aspect_ratio\":\"anyres_"
         "max_9x\"}",
         OPA_EUNSUPPORTED},
        {"{\"model_type\":\"qwen2\",\"use_sliding_window\":true}", OPA_EUNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse(&t, &c, bad[i].json), bad[i].status);
    stop(&t);
}

static void both_dialects_of_rotary_parameters_agree(void **state)
{
    (void)state;
    struct trainer t;
    struct model_config a, b;
    float x[8], y[8];
    start(&t, NULL);
    assert_int_equal(
        parse(&t, &a,
              "{\"model_type\":\"llama\",\"rope_theta\":5e5,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
              "\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":64}}"),
        OPA_OK);
    assert_int_equal(
        parse(&t, &b,
              "{\"model_type\":\"llama\",\"rope_parameters\":{\"rope_theta\":5e5,\"rope_type\":\"llama3\",\"factor\":8,"
              "\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":64}}"),
        OPA_OK);
    rope_frequencies(x, &a.text.rope, 16);
    rope_frequencies(y, &b.text.rope, 16);
    assert_memory_equal(x, y, sizeof x);
    assert_true(x[0] == 1.0f); /* high frequencies stay */
    const double last = pow(5e5, -14.0 / 16) / 8;
    assert_true(fabs((double)x[7] - last) < 1e-6 * last); /* low ones are divided */
    assert_int_equal(parse(&t, &b, "{\"model_type\":\"llama\",\"rope_scaling\":{\"type\":\"linear\",\"factor\":4}}"),
                     OPA_OK);
    rope_frequencies(y, &b.text.rope, 16);
    assert_true(y[0] == 0.25f);
    stop(&t);
}

static void feature_layers_count_hidden_states(void **state)
{
    (void)state;
    static const struct {
        int layer, depth;
    } cases[] = {{-1, 6}, {-2, 5}, {-7, 0}, {0, 0}, {3, 3}, {6, 6}};
    struct trainer t;
    struct model_config c;
    char json[200];
    start(&t, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(json, sizeof json,
                 "{\"model_type\":\"llava\",\"vision_feature_layer\":%d,\"vision_config\":{\"num_hidden_layers\":6}}",
                 cases[i].layer);
        assert_int_equal(parse(&t, &c, json), OPA_OK);
        assert_int_equal(model_vision_depth(&c), cases[i].depth);
        model_config_release(&c);
    }
    assert_int_equal(
        parse(&t, &c,
              "{\"model_type\":\"llava\",\"vision_feature_layer\":7,\"vision_config\":{\"num_hidden_layers\":6}}"),
        OPA_EDATA);
    stop(&t);
}

static void what_cannot_be_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int status;
        const char *says;
    } cases[] = {
        {"{}", OPA_EUNSUPPORTED, "model_type"},
        {"{\"model_type\":\"gpt2\"}", OPA_EUNSUPPORTED, "'gpt2'"},
        {"{\"model_type\":\"llama\",\"hidden_size\":0}", OPA_EDATA, "hidden_size"},
        {"{\"model_type\":\"llama\",\"hidden_size\":\"4096\"}", OPA_EDATA, "hidden_size"},
        {"{\"model_type\":\"llama\",\"num_attention_heads\":3,\"num_key_value_heads\":2}", OPA_EDATA,
         "num_key_value_heads"},
        {"{\"model_type\":\"llama\",\"head_dim\":7}", OPA_EUNSUPPORTED, "heads of 7"},
        {"{\"model_type\":\"llama\",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2}}", OPA_EUNSUPPORTED, "'yarn'"},
        {"{\"model_type\":\"llama\",\"rope_theta\":-1}", OPA_EDATA, "rotary"},
        {"{\"model_type\":\"llama\",\"hidden_act\":\"gelu\"}", OPA_EUNSUPPORTED, "hidden_act"},
        {"{\"model_type\":\"llama\",\"quantization_config\":{}}", OPA_EUNSUPPORTED, "quantised"},
        {"{\"model_type\":\"llama\",\"eos_token_id\":[1,\"x\"]}", OPA_EDATA, "eos_token_id"},
        {"{\"model_type\":\"llava\",\"text_config\":{\"hidden_size\":-1}}", OPA_EDATA, "text_config: hidden_size"},
        {"{\"model_type\":\"llava\",\"text_config\":{\"model_type\":\"qwen2\"}}", OPA_EUNSUPPORTED, "'qwen2'"},
        {"{\"model_type\":\"llava\",\"vision_config\":{\"model_type\":\"siglip_vision_model\"}}", OPA_EUNSUPPORTED,
         "siglip"},
        {"{\"model_type\":\"llava\",\"vision_config\":{\"hidden_size\":10,\"num_attention_heads\":3}}", OPA_EDATA,
         "vision_config"},
        {"{\"model_type\":\"llava\",\"vision_feature_select_strategy\":\"x\"}", OPA_EDATA,
         "vision_feature_select_strategy"},
        {"{\"model_type\":\"llava\",\"vision_config\":7}", OPA_EDATA, "vision_config"},
        {"{\"model_type\":\"llava_llama\",\"mm_projector_type\":\"linear\"}", OPA_EUNSUPPORTED, "mlp2x_gelu"},
        {"{\"model_type\":\"llava_llama\",\"mm_projector_type\":\"mlp2x_gelu\",\"image_aspect_ratio\":\"anyres\"}",
         OPA_EUNSUPPORTED, "anyres"},
        {"[]", OPA_EDATA, "not a JSON object"},
        {"{", OPA_EDATA, "config.json"},
    };
    struct trainer t;
    struct model_config c;
    start(&t, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parse(&t, &c, cases[i].json) != cases[i].status)
            fail_msg("%s: %s", cases[i].json, t.message);
        assert_message(&t, cases[i].says);
    }
    stop(&t);
}

static void the_original_layout_says_how_images_fit(void **state)
{
    (void)state;
    struct trainer t;
    struct model_config c;
    start(&t, NULL);
    assert_int_equal(
        parse(&t, &c,
              "{\"model_type\":\"llava_llama\",\"mm_projector_type\":\"mlp2x_gelu\",\"image_aspect_ratio\":\"pad\","
              "\"mm_vision_tower\":\"../tower\",\"eos_token_id\":2}"),
        OPA_OK);
    assert_true(c.original);
    assert_false(c.vision_known);
    assert_int_equal(c.image_mode, IMAGE_PAD);
    assert_string_equal(c.vision_tower, "../tower");
    assert_int_equal(c.eos[0], 2);
    const char tower[] = "{\"model_type\":\"clip\",\"vision_config\":{\"hidden_size\":48,\"num_attention_heads\":4}}";
    assert_int_equal(model_config_parse_vision(&t, &c, OPA_TEXT(tower), "tower"), OPA_OK);
    assert_int_equal(c.vision.hidden, 48);
    model_config_release(&c);
    assert_int_equal(parse(&t, &c, "{\"model_type\":\"llava_llama\",\"mm_projector_type\":\"mlp2x_gelu\"}"), OPA_OK);
    assert_int_equal(c.image_mode, IMAGE_CROP);
    model_config_release(&c);
    stop(&t);
}

#define CHANNELS "\"image_mean\":[0.5,0.5,0.5],\"image_std\":[1,1,1]"

static void preprocessing_is_read_in_all_its_spellings(void **state)
{
    (void)state;
    struct trainer t;
    image_spec spec = IMAGE_SPEC_CLIP;
    start(&t, NULL);
    assert_int_equal(image_spec_parse(&t, &spec, OPA_TEXT("{\"size\":56,\"crop_size\":56," CHANNELS "}"), "p"), OPA_OK);
    assert_int_equal(spec.size, 56);
    assert_int_equal(spec.resize, 56);
    assert_true(spec.mean[1] == 0.5);
    assert_int_equal(
        image_spec_parse(
            &t, &spec,
            OPA_TEXT("{\"size\":{\"shortest_edge\":64},\"crop_size\":{\"height\":60,\"width\":60}," CHANNELS "}"), "p"),
        OPA_OK);
    assert_int_equal(spec.size, 60);
    assert_int_equal(spec.resize, 64);
    assert_int_equal(
        image_spec_parse(&t, &spec,
                         OPA_TEXT("{\"crop_size\":null,\"size\":{\"height\":384,\"width\":384}," CHANNELS "}"), "p"),
        OPA_OK);
    assert_int_equal(spec.size, 384);
    assert_int_equal(image_spec_parse(&t, &spec, OPA_TEXT("{\"crop_size\":{\"height\":60,\"width\":61}}"), "p"),
                     OPA_EUNSUPPORTED);
    assert_int_equal(image_spec_parse(&t, &spec, OPA_TEXT("{\"resample\":2}"), "p"), OPA_EUNSUPPORTED);
    assert_int_equal(image_spec_parse(&t, &spec, OPA_TEXT("{\"image_std\":[1,0,1]}"), "p"), OPA_EDATA);
    assert_int_equal(image_spec_parse(&t, &spec, OPA_TEXT("{\"image_std\":[1,1]}"), "p"), OPA_EDATA);
    assert_int_equal(image_spec_parse(&t, &spec, OPA_TEXT("{\"do_normalize\":false}"), "p"), OPA_EUNSUPPORTED);
    assert_int_equal(image_spec_parse(&t, &spec, OPA_TEXT("{\"image_mean\":[1,1,1]}"), "p"), OPA_EDATA);
    assert_message(&t, "p: no image_std");
    assert_int_equal(image_spec_parse(&t, &spec, OPA_TEXT("{\"image_mean\":null,\"image_std\":[1,1,1]}"), "p"),
                     OPA_EDATA);
    assert_message(&t, "p: no image_mean");
    assert_int_equal(
        image_spec_parse(&t, &spec, OPA_TEXT("{\"image_processor\":{\"size\":28,\"crop_size\":28," CHANNELS "}}"), "p"),
        OPA_OK);
    assert_int_equal(spec.size, 28);
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_is_transformers_default),
        cmocka_unit_test(onevision_is_siglip_and_qwen2),
        cmocka_unit_test(both_dialects_of_rotary_parameters_agree),
        cmocka_unit_test(feature_layers_count_hidden_states),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(the_original_layout_says_how_images_fit),
        cmocka_unit_test(preprocessing_is_read_in_all_its_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
