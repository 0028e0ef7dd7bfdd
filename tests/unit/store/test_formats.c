/* SPDX-License-Identifier: Apache-2.0 */
/* Each format: what it takes, what it refuses, what it says. */
#include "helper.h"

#include "store/formats/formats.h"

static void test_table(void **state)
{
    (void)state;
    size_t count;
    const opa_format_info *infos = opa_formats(&count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(opa_format_lookup((opa_text){infos[i].name, strlen(infos[i].name)})->name, infos[i].name);
    assert_null(opa_format_lookup(OPA_TEXT("parquet")));
}

static void recognised(const char *record, const char *name)
{
    opa_context *ctx;
    opa_json *doc;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    assert_int_equal(opa_json_parse(ctx, &doc, (opa_text){record, strlen(record)}, NULL, NULL), OPA_OK);
    const opa_format *format = opa_format_recognise(opa_json_root(doc));
    if (!format != !name || (name && strcmp(format->name, name) != 0))
        fail_msg("%s: %s, expected %s", record, format ? format->name : "unknown", name ? name : "unknown");
    opa_json_free(doc);
    opa_context_free(ctx);
}

static void test_recognise(void **state)
{
    (void)state;
    recognised("{\"query\":\"q\",\"image_bytes\":null}", "rollout");
    recognised("{\"original_generate_response\":\"q\"}", "rollout");
    recognised("{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":\"r\"}", "samples");
    recognised("{\"id\":\"a\",\"prompt\":\"p\",\"text\":\"g\"}", "outputs");
    recognised("{\"question_id\":1,\"prompt\":\"p\",\"text\":\"g\",\"model_id\":\"m\"}", "outputs");
    recognised("{\"id\":\"a\",\"revised\":\"r\"}", "edits");
    recognised("{\"id\":\"a\",\"feedback\":{}}", "edits");
    recognised("{\"ID\":\"a\",\"Revised\":\"r\"}", NULL);
    recognised("[1]", NULL);
}

static void test_rollout(void **state)
{
    fixture *f = *state;
    char *image = png_base64();
    opa_buffer b = {0};
    const opa_finding *last;
    opa_buffer_add_string(&b, "[\n");
    add_rollout(&b, "\"d/one.png\"", image, "g",
                ", \"standard_response\": \"gt\", \"AI_pseudo_response\": \"r\", \"AI_json_report\": {\"0\": 1}");
    opa_buffer_add_string(&b, ",\n");
    add_rollout(&b, "7", "null", "g", ", \"standard_response\": NaN, \"AI_pseudo_response\": null");
    opa_buffer_add_string(&b, ",\n");
    add_rollout(&b, "null", "\"b'no'\"", "g", ", \"standard_response\": \"\"");
    opa_buffer_add_string(&b, ",\n{\"query\": 5, \"image_id\": \"x.jpg\"},\n");
    add_rollout(&b, "\"two.jpg\"", image, "g", "");
    opa_buffer_add_string(&b, "]");
    IMPORT(f, file_text(f, "step0_rank0.json", b.data));
    assert_int_equal(f->report.samples_added, 4);
    assert_int_equal(f->report.quarantined, 1);
    assert_int_equal(f->report.images_added, 1);
    assert_int_equal(count_code(&f->told, OPA_F_FIELD_MISSING, &last), 1);
    assert_int_equal(count_code(&f->told, OPA_F_FIELD_TYPE, NULL), 1);
    assert_int_equal(last->record, 3);
    assert_int_equal(last->line, 5);
    opa_buffer_release(&b);
    free(image);
}

static void test_rollout_findings(void **state)
{
    fixture *f = *state;
    char *image = png_base64();
    opa_buffer b = {0};
    const opa_finding *last;
    add_rollout(&b, "\"d/one.jpg\"", image, "g", ", \"standard_response\": NaN");
    opa_buffer_add_string(&b, "\n");
    add_rollout(&b, "7", "null", "g", "");
    opa_buffer_add_string(&b, "\n");
    add_rollout(&b, "null", "\"b'no'\"", "g", "");
    IMPORT(f, file_text(f, "step0_rank0.json", b.data));
    assert_int_equal(f->told.count, 4);
    opa_findings list = all_findings(f, NULL);
    assert_int_equal(list.count, 4);
    assert_int_equal(count_code(&list, OPA_F_BARE_NAN, &last), 1);
    assert_int_equal(last->line, 1);
    assert_int_equal(count_code(&list, OPA_F_IMAGE_EXTENSION, NULL), 1);
    assert_int_equal(count_code(&list, OPA_F_IMAGE_MISSING, &last), 1);
    assert_int_equal(last->line, 2);
    assert_int_equal(last->record, 1);
    assert_string_equal(last->file, "step0_rank0.json");
    assert_string_equal(last->field, "image_bytes");
    assert_memory_equal(last->id, "7-", 2);
    const opa_sample sample = sample_of(f, last->id);
    assert_false(sample.has_image);
    assert_true(sample.image_expected);
    assert_true(sample.report_expected);
    assert_true(is(sample.revised, NULL));
    opa_findings_release(&list);
    opa_buffer_release(&b);
    free(image);
}

static void test_samples(void **state)
{
    fixture *f = *state;
    char *image = png_base64();
    opa_buffer b = {0};
    file_bytes(f, "pic.png", png, sizeof png);
    opa_buffer_printf(&b,
                      "{\"id\":\"file\",\"image\":\"pic.png\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":\"r\","
                      "\"ground_truth\":\"t\","
                      "\"feedback\": {\"0\": {}},\"by\":\"ann\",\"at\":\"2024-01-01T00:00:00Z\",\"extra\":[]}\n"
                      "{\"id\":12,\"image\":{\"bytes\":%s},\"prompt\":\"p\",\"generated\":\"g\"}\n"
                      "{\"id\":\"text\",\"prompt\":\"p\",\"generated\":\"g\",\"image\":null}\n"
                      "{\"id\":\"lost\",\"image\":\"nowhere.png\",\"prompt\":\"p\",\"generated\":\"g\"}\n"
                      "{\"id\":\"\",\"prompt\":\"p\",\"generated\":\"g\"}\n"
                      "{\"id\":\"bad\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":[1]}\n"
                      "{\"id\":\"bad\",\"image\":5,\"prompt\":\"p\",\"generated\":\"g\"}\n"
                      "[1]\n",
                      image);
    IMPORT(f, file_text(f, "s.jsonl", b.data));
    assert_int_equal(f->report.samples_added, 4);
    assert_int_equal(f->report.quarantined, 4);
    assert_int_equal(f->report.images_added, 1);
    opa_sample s = sample_of(f, "file");
    assert_true(s.has_image && s.image_format == OPA_IMAGE_PNG && s.image_width == 16 && s.image_height == 16);
    assert_true(is(s.image_id, "pic.png") && is(s.prompt, "p") && is(s.generated, "g") && is(s.revised, "r") &&
                is(s.ground_truth, "t"));
    assert_true(is(s.report, "{\"0\": {}}") && s.report_expected && !s.revised_by_hand && !s.excluded);
    opa_text bytes;
    assert_int_equal(opa_store_image(f->store, &bytes, s.image_sha256), OPA_OK);
    assert_int_equal(bytes.size, sizeof png);
    assert_memory_equal(bytes.data, png, sizeof png);
    s = sample_of(f, "12");
    assert_true(s.has_image);
    s = sample_of(f, "text");
    assert_true(!s.has_image && !s.image_expected && !s.report_expected);
    s = sample_of(f, "lost");
    assert_true(!s.has_image && s.image_expected);
    assert_int_equal(count_code(&f->told, OPA_F_ID_INVALID, NULL), 1);
    assert_int_equal(count_code(&f->told, OPA_F_FIELD_TYPE, NULL), 2);
    assert_int_equal(count_code(&f->told, OPA_F_RECORD_KIND, NULL), 1);
    opa_findings list = all_findings(f, "lost");
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].code, OPA_F_IMAGE_FILE);
    opa_findings_release(&list);
    opa_buffer_release(&b);
    free(image);
}

static void test_an_image_found_later(void **state)
{
    fixture *f = *state;
    const char *file =
        file_text(f, "s.jsonl", "{\"id\":\"a\",\"image\":\"late.png\",\"prompt\":\"p\",\"generated\":\"g\"}\n");
    IMPORT(f, file);
    file_bytes(f, "late.png", png, sizeof png);
    IMPORT(f, file);
    assert_int_equal(f->report.attached, 1);
    assert_true(sample_of(f, "a").has_image);
    opa_findings list = all_findings(f, NULL);
    assert_int_equal(list.count, 0);
    opa_findings_release(&list);
    char path[200];
    snprintf(path, sizeof path, "%s/late.png", f->folder);
    assert_int_equal(remove(path), 0);
    opa_buffer before = dump(f);
    IMPORT(f, file); /* gone again: what was found stays */
    opa_buffer after = dump(f);
    assert_int_equal(f->report.known, 1);
    assert_string_equal(before.data, after.data);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

static void test_outputs(void **state)
{
    fixture *f = *state;
    const opa_finding *last;
    IMPORT(f,
           file_text(f, "o.jsonl",
                     "{\"question_id\":3,\"prompt\":\"p\",\"text\":\"g\",\"model_id\":\"m\"}\n"
                     "{\"id\":\"b\",\"prompt\":\"p\",\"text\":\"g\",\"ids\":[1,2],\"finish\":\"eos\",\"image\":null}\n"
                     "{\"id\":\"c\",\"text\":\"g\"}\n"));
    assert_int_equal(f->report.samples_added, 2);
    assert_int_equal(f->report.quarantined, 1);
    IMPORT(f, file_text(f, "s.jsonl", "{\"id\":\"s\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":\"r\"}\n"),
           file_text(f, "o2.jsonl",
                     "{\"id\":\"s\",\"text\":\"g\"}\n{\"id\":\"s\",\"prompt\":\"q\",\"text\":\"g\"}\n{\"id\":\"s\","
                     "\"text\":\"h\"}\n"));
    assert_int_equal(f->report.attached, 1);
    assert_int_equal(f->report.quarantined, 2);
    assert_int_equal(count_code(&f->told, OPA_F_ID_CONFLICT, &last), 2);
    assert_string_equal(last->id, "s");
    assert_true(last->quarantined);
    assert_string_equal(last->field, "generated");
    assert_true(is(sample_of(f, "s").revised, "r"));
}

static void test_edits(void **state)
{
    fixture *f = *state;
    const char *edits =
        file_text(f, "e.jsonl",
                  "{\"id\":\"a\",\"revised\":\"r1\",\"by\":\"ann\",\"at\":\"2024-01-01T00:00:00Z\"}\n"
                  "{\"id\":\"b\",\"revised\":\"r\"}\n{\"id\":\"a\"}\n{\"id\":\"a\",\"feedback\":\"sorry\"}\n");
    const char *samples =
        file_text(f, "s.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":\"r0\"}\n");
    IMPORT(f, edits);
    assert_int_equal(f->report.quarantined, 4);
    assert_int_equal(count_code(&f->told, OPA_F_ID_UNKNOWN, NULL), 2);
    IMPORT(f, samples, edits);
    assert_int_equal(f->report.attached, 1);
    assert_int_equal(f->report.quarantined, 3);
    const opa_sample s = sample_of(f, "a");
    assert_true(is(s.revised, "r1") && s.revised_by_hand);
    opa_buffer before = dump(f);
    IMPORT(f, edits, samples);
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_recognise),
        cmocka_unit_test_setup_teardown(test_rollout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rollout_findings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_samples, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_image_found_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outputs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
