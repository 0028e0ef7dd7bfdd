/* SPDX-License-Identifier: Apache-2.0 */
/* Against a folder that PEFT itself wrote: the committed case's adapter, which has every layer. */
#include "support.h"

#include <regex.h>

#include "json_fields.h"
#include "model/adapter_write.h"
#include "params.h"

static struct safetensors *tensors_of(struct tiny *f, const char *dir)
{
    struct safetensors *st;
    assert_int_equal(safetensors_open(&f->t, &st, dir, "adapter_model.safetensors"), OPA_OK);
    return st;
}

static void check_same(struct tiny *f, const char *dir, const char *want_dir)
{
    struct safetensors *have = tensors_of(f, dir), *want = tensors_of(f, want_dir);
    assert_int_equal(have->count, want->count);
    for (size_t i = 0; i < want->count; i++) {
        assert_string_equal(have->tensors[i].name, want->tensors[i].name);
        assert_string_equal(have->tensors[i].dtype, want->tensors[i].dtype);
        assert_int_equal(have->tensors[i].rank, 2);
        assert_memory_equal(have->tensors[i].shape, want->tensors[i].shape, 2 * sizeof(uint64_t));
        assert_int_equal(have->tensors[i].size, want->tensors[i].size);
        assert_memory_equal(have->tensors[i].data, want->tensors[i].data, want->tensors[i].size);
    }
    safetensors_free(have);
    safetensors_free(want);
}

/* Names, types, shapes and bytes are those of PEFT's file, idle layers included; params bring them through training. */
static void what_peft_wrote_is_written_again(void **state)
{
    static const char *const names[] = {"trainer/llava/adapter_init", "trainer/llava/adapter_init_llm",
                                        "trainer/llava/adapter_init_llm_projector"};
    struct tiny *f = *state;
    for (size_t i = 0; i < 3; i++) {
        struct adapter *adapter;
        struct params p;
        const char *from = data(names[i]), *dir = fresh_folder(), *again = fresh_folder();
        assert_int_equal(adapter_open(&f->t, &adapter, from, f->model), OPA_OK);
        const struct adapter_out out = {adapter, f->model, 8, "base"};
        assert_int_equal(adapter_write(&f->t, dir, &out), OPA_OK);
        check_same(f, dir, from);
        assert_int_equal(params_from(&f->t, &p, f->model, TARGETS_LLM, adapter), OPA_OK);
        const struct adapter_out trained = {&p.adapter, f->model, p.alpha, "base"};
        assert_int_equal(adapter_write(&f->t, again, &trained), OPA_OK);
        check_same(f, again, from);
        params_release(&p);
        adapter_free(adapter);
    }
}

/* An adapter of all layers has those of CLIP's last one, which no gradient reaches: PEFT wants them in its file. */
static void idle_layers_are_written(void **state)
{
    struct tiny *f = *state;
    struct params p;
    const char *dir = fresh_folder();
    size_t idle = 0;
    assert_int_equal(params_new(&f->t, &p, f->model, TARGETS_ALL, 3, 6, 1), OPA_OK);
    const struct adapter_out out = {&p.adapter, f->model, 6, "base"};
    assert_int_equal(adapter_write(&f->t, dir, &out), OPA_OK);
    struct safetensors *st = tensors_of(f, dir);
    assert_int_equal(st->count, p.list_count);
    for (size_t i = 0; i < p.list_count; i++)
        idle += p.list[i].idle;
    for (size_t i = 0; i < st->count; i++)
        idle -= strstr(st->tensors[i].name, "vision_tower.encoder.layers.2.") != NULL;
    assert_int_equal(idle, 0);
    safetensors_free(st);
    params_release(&p);
}

/* ---- adapter_config.json ---- */

static char *text_of_field(const struct json_file *file, const char *key)
{
    char *text = json_strdup_value(file->doc, opa_json_get(opa_json_root(file->doc), key));
    assert_non_null(text);
    return text;
}

static bool whole_match(const char *pattern, const char *path)
{
    regex_t regex;
    char anchored[4200];
    snprintf(anchored, sizeof anchored, "^(%s)$", pattern);
    assert_int_equal(regcomp(&regex, anchored, REG_EXTENDED | REG_NOSUB), 0);
    const bool found = regexec(&regex, path, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

/* The module that a tensor of the adapter belongs to. */
static void module_of(char out[256], const char *tensor)
{
    snprintf(out, 256, "%s", tensor + strlen("base_model.model."));
    *strstr(out, ".lora_") = '\0';
}

static void check_targets(struct tiny *f, const char *dir, const char *pattern)
{
    static const char *const others[] = {"lm_head",
                                         "model.language_model.embed_tokens",
                                         "model.language_model.layers.0.input_layernorm",
                                         "model.vision_tower.embeddings.patch_embedding",
                                         "other.model.language_model.layers.0.self_attn.q_proj",
                                         "model.language_model.layers.0.self_attn.q_proj.more"};
    struct safetensors *all = tensors_of(f, data("trainer/llava/adapter_init")), *own = tensors_of(f, dir);
    for (size_t i = 0; i < all->count; i++) {
        char path[256];
        module_of(path, all->tensors[i].name);
        if (whole_match(pattern, path) != (safetensors_find(own, all->tensors[i].name) != NULL))
            fail_msg("%s and %s", pattern, path);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(whole_match(pattern, others[i]));
    safetensors_free(all);
    safetensors_free(own);
}

/* PEFT makes the layers that target_modules names, and no others: the last names alone would hit the tower, too. */
static void the_config_names_the_layers_of_the_file(void **state)
{
    struct tiny *f = *state;
    for (int targets = TARGETS_LLM; targets <= TARGETS_ALL; targets++) {
        struct params p;
        struct json_file file;
        char path[256];
        const char *dir = fresh_folder();
        assert_int_equal(params_new(&f->t, &p, f->model, (enum targets)targets, 3, 7.5, 1), OPA_OK);
        const struct adapter_out out = {&p.adapter, f->model, p.alpha, "models/\"base\""};
        assert_int_equal(adapter_write(&f->t, dir, &out), OPA_OK);
        snprintf(path, sizeof path, "%s/adapter_config.json", dir);
        assert_int_equal(json_file_open(&f->t, &file, path), OPA_OK);
        struct fields fields = json_file_fields(&f->t, &file, path);
        assert_int_equal(fields_integer(&fields, "r", 0, 0, 100), 3);
        assert_true(fields_number(&fields, "lora_alpha", 0) == 7.5);
        assert_true(fields_number(&fields, "lora_dropout", 1) == 0);
        assert_true(text_is(fields_text(&fields, "peft_type", ""), "LORA"));
        assert_true(text_is(fields_text(&fields, "task_type", ""), "CAUSAL_LM"));
        assert_true(text_is(fields_text(&fields, "bias", ""), "none"));
        assert_true(text_is(fields_text(&fields, "base_model_name_or_path", ""), "models/\"base\""));
        assert_false(fields_bool(&fields, "use_rslora", true));
        char *pattern = text_of_field(&file, "target_modules");
        check_targets(f, dir, pattern);
        free(pattern);
        json_file_release(&file);
        params_release(&p);
    }
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct tiny *f = *state;
    struct params p;
    assert_int_equal(params_new(&f->t, &p, f->model, TARGETS_LLM, 2, 4, 1), OPA_OK);
    const struct adapter_out out = {&p.adapter, f->model, 4, "base"};
    assert_int_equal(adapter_write(&f->t, "no/such/folder", &out), OPA_ECREATE);
    assert_message(&f->t, "no/such/folder");
    params_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_peft_wrote_is_written_again),
        cmocka_unit_test(idle_layers_are_written),
        cmocka_unit_test(the_config_names_the_layers_of_the_file),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
