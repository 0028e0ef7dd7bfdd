/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "mapped.h"
#include "model/adapter.h"

/* ---- adapters of our own making: names, one tensor type, values ---- */

struct maker {
    char header[65536], *at;
    size_t data;
};

static void add(struct maker *m, const char *key, size_t rows, size_t cols)
{
    const size_t size = rows * cols * 4;
    m->at += sprintf(m->at, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu,%zu],\"data_offsets\":[%zu,%zu]}",
                     m->at == m->header + 1 ? "" : ",", key, rows, cols, m->data, m->data + size);
    m->data += size;
}

static struct maker *begin(void)
{
    struct maker *m = calloc(1, sizeof *m);
    m->header[0] = '{';
    m->at = m->header + 1;
    return m;
}

static const char *finish(struct maker *m, const char *config, unsigned char fill)
{
    const char *dir = fresh_folder();
    m->at += sprintf(m->at, "}");
    while ((m->at - m->header) % 8 != 0)
        m->at += sprintf(m->at, " ");
    const size_t n = (size_t)(m->at - m->header);
    unsigned char *file = calloc(1, 8 + n + m->data);
    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(file + 8, m->header, n);
    memset(file + 8 + n, fill, m->data);
    write_bytes(dir, "adapter_model.safetensors", file, 8 + n + m->data);
    write_bytes(dir, "adapter_config.json", config, strlen(config));
    free(file);
    free(m);
    return dir;
}

/* Meant for single layers, so that those without are no loss. */
static const char lora4[] = "{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":8,\"layers_to_transform\":[1]}";

/* One layer of each part in the spelling of these prefixes; "x" stands in for what does not matter. */
static const char *spelled(const char *text, const char *projector, const char *vision)
{
    struct maker *m = begin();
    char key[256];
    static const char *const ends[] = {"lora_A.weight", "lora_B.weight"};
    for (int b = 0; b < 2; b++) {
        snprintf(key, sizeof key, "base_model.model.%slayers.1.self_attn.k_proj.%s", text, ends[b]);
        add(m, key, b ? 12 : 4, b ? 4 : 24);
        snprintf(key, sizeof key, "base_model.model.%s.%s", projector, ends[b]);
        add(m, key, b ? 24 : 4, b ? 4 : 32);
        snprintf(key, sizeof key, "base_model.model.%sencoder.layers.2.mlp.fc1.%s", vision, ends[b]);
        add(m, key, b ? 64 : 4, b ? 4 : 32);
    }
    return finish(m, lora4, 1);
}

static void every_spelling_finds_the_same_layers(void **state)
{
    static const char *const spellings[][3] = {
        {"language_model.model.", "multi_modal_projector.linear_1", "vision_tower.vision_model."},
        {"model.language_model.", "model.multi_modal_projector.linear_1", "model.vision_tower.vision_model."},
        {"model.language_model.", "model.multi_modal_projector.linear_1", "model.vision_tower."},
        {"model.", "model.mm_projector.0", "model.vision_tower.vision_tower.vision_model."},
    };
    struct tiny *f = *state;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        struct adapter *a;
        size_t count[PART_COUNT];
        const char *dir = spelled(spellings[i][0], spellings[i][1], spellings[i][2]);
        if (adapter_open(&f->t, &a, dir, f->model) != OPA_OK)
            fail_msg("%s", f->t.message);
        adapter_count(count, a, f->model);
        assert_int_equal(count[PART_TEXT], 1);
        assert_int_equal(count[PART_PROJECTOR], 1);
        assert_int_equal(count[PART_VISION], 1);
        assert_int_equal(a->of[f->model->llama.layers[1].k.id].rank, 4);
        assert_true(a->of[f->model->llama.layers[1].k.id].scale == 2.0f);
        assert_int_equal(a->of[f->model->projector.first.id].rank, 4);
        assert_int_equal(a->of[f->model->clip.layers[2].fc1.id].rank, 4);
        adapter_free(a);
    }
}

static int open_one(struct tiny *f, const char *config, const char *key_a, size_t cols, const char *key_b, size_t rows,
                    unsigned char fill, struct adapter **out)
{
    struct maker *m = begin();
    if (key_a != NULL)
        add(m, key_a, 4, cols);
    if (key_b != NULL)
        add(m, key_b, rows, 4);
    return adapter_open(&f->t, out, finish(m, config, fill), f->model);
}

#define K "base_model.model.model.language_model.layers.0.self_attn.k_proj."

static void what_fits_no_layer_is_named(void **state)
{
    struct tiny *f = *state;
    struct adapter *a;
    assert_int_equal(open_one(f, lora4, "base_model.model.model.language_model.layers.9.self_attn.k_proj.lora_A.weight",
                              24, NULL, 0, 1, &a),
                     OPA_EDATA);
    assert_message(&f->t, "layers.9.self_attn.k_proj.lora_A.weight");
    assert_int_equal(open_one(f, lora4, K "lora_A.weight", 25, K "lora_B.weight", 12, 1, &a), OPA_EDATA);
    assert_message(&f->t, "expected [4, 24]");
    assert_int_equal(open_one(f, lora4, K "lora_A.weight", 24, K "lora_B.weight", 24, 1, &a), OPA_EDATA);
    assert_message(&f->t, "expected [12, 4]");
    assert_int_equal(open_one(f, lora4, K "lora_A.weight", 24, NULL, 0, 1, &a), OPA_EDATA);
    assert_message(&f->t, "has lora_A, but no lora_B");
    assert_int_equal(open_one(f, lora4, NULL, 0, NULL, 0, 1, &a), OPA_EDATA);
    assert_message(&f->t, "matches no layer");
    assert_int_equal(open_one(f, lora4, K "lora_magnitude_vector", 24, NULL, 0, 1, &a), OPA_EDATA);
    assert_int_equal(open_one(f, lora4, K "lora_A.weight", 24,
                              "base_model.model.language_model.model.layers.0.self_attn.k_proj.lora_B.weight", 12, 1,
                              &a),
                     OPA_OK);
    adapter_free(a);
}

static void zeros_are_a_warning_and_scales_follow_the_config(void **state)
{
    struct tiny *f = *state;
    struct adapter *a;
    const size_t k = f->model->llama.layers[0].k.id;
    f->heard.count = 0;
    assert_int_equal(open_one(f, lora4, K "lora_A.weight", 24, K "lora_B.weight", 12, 0, &a), OPA_OK);
    assert_int_equal(f->heard.count, 1);
    assert_non_null(strstr(f->heard.last, "changes nothing"));
    adapter_free(a);
    assert_int_equal(open_one(f, "{\"r\":4,\"lora_alpha\":8,\"use_rslora\":true,\"layers_to_transform\":[0]}",
                              K "lora_A.default.weight", 24, K "lora_B.default.weight", 12, 1, &a),
                     OPA_OK);
    assert_int_equal(f->heard.count, 1);
    assert_true(a->of[k].scale == 4.0f);
    adapter_free(a);
}

static void values_that_are_no_numbers_are_refused(void **state)
{
    struct tiny *f = *state;
    struct adapter *a;
    assert_int_equal(open_one(f, lora4, K "lora_A.weight", 24, K "lora_B.weight", 12, 0xFF, &a), OPA_EDATA);
    assert_message(&f->t, K "lora_A.weight' holds NaN");
    assert_int_equal(open_one(f, "{\"r\":4,\"lora_alpha\":NaN}", K "lora_A.weight", 24, K "lora_B.weight", 12, 1, &a),
                     OPA_EDATA);
    assert_message(&f->t, "lora_alpha");
}

/* A layer among others of its kind that have one got lost; layers of a kind that has none were not meant. */
static void a_layer_that_is_missing_is_named(void **state)
{
    struct tiny *f = *state;
    struct adapter *a;
    f->heard.count = 0;
    assert_int_equal(open_one(f, "{\"r\":4,\"lora_alpha\":8}", K "lora_A.weight", 24, K "lora_B.weight", 12, 1, &a),
                     OPA_OK);
    assert_int_equal(a->missing, f->model->config.text.layers - 1);
    assert_int_equal(f->heard.count, 1);
    assert_non_null(strstr(f->heard.last, "layers.1.self_attn.k_proj"));
    adapter_free(a);
}

static void variants_that_are_not_built_in_are_refused(void **state)
{
    static const char *const configs[] = {
        "{\"peft_type\":\"IA3\"}",
        "{\"r\":4,\"bias\":\"all\"}",
        "{\"r\":4,\"use_dora\":true}",
        "{\"r\":4,\"modules_to_save\":[\"lm_head\"]}",
        "{\"r\":4,\"rank_pattern\":{\"q_proj\":8}}",
    };
    struct tiny *f = *state;
    struct adapter_config c;
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++)
        assert_int_equal(adapter_config_parse(&f->t, &c, (opa_text){configs[i], strlen(configs[i])}, "a.json"),
                         OPA_EUNSUPPORTED);
    assert_int_equal(adapter_config_parse(&f->t, &c, OPA_TEXT("{\"r\":0}"), "a.json"), OPA_EDATA);
    assert_message(&f->t, "a.json: r ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_finds_the_same_layers),
        cmocka_unit_test(what_fits_no_layer_is_named),
        cmocka_unit_test(zeros_are_a_warning_and_scales_follow_the_config),
        cmocka_unit_test(values_that_are_no_numbers_are_refused),
        cmocka_unit_test(a_layer_that_is_missing_is_named),
        cmocka_unit_test(variants_that_are_not_built_in_are_refused),
    };
    return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
