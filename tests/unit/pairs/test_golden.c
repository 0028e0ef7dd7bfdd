/* SPDX-License-Identifier: Apache-2.0 */
/* Members against what the released code and a second implementation make of the same records. Needs the shared folder.
 */
#include <opapairs/pairs.h>

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/utf8.h"

typedef struct fixture {
    opa_context *ctx;
    opa_tokenizer *tokenizer;
    opa_encoder *encoder;
    opa_json_writer *writer;
} fixture;

static const char *shared(const char *path)
{
    static char paths[4][512];
    static int next;
    next = (next + 1) % 4;
    const char *root = getenv("OPA_TEST_SHARED");
    snprintf(paths[next], sizeof paths[next], "%s/%s", root ? root : "../shared", path);
    return paths[next];
}

static void ok(fixture *f, int status)
{
    if (status)
        fail_msg("%s: %s", opa_status_name(status), opa_context_message(f->ctx));
}

static void open_fixture(fixture *f, const char *tokenizer)
{
    if (access(shared(tokenizer), F_OK) != 0)
        skip();
    assert_int_equal(opa_context_new(&f->ctx), OPA_OK);
    ok(f, opa_tokenizer_open(f->ctx, &f->tokenizer, shared(tokenizer)));
    ok(f, opa_encoder_new(f->ctx, &f->encoder, f->tokenizer));
    ok(f, opa_json_writer_new(f->ctx, &f->writer));
}

static void close_fixture(fixture *f)
{
    opa_json_writer_free(f->writer);
    opa_encoder_free(f->encoder);
    opa_tokenizer_free(f->tokenizer);
    opa_context_free(f->ctx);
}

static opa_text text_of(const opa_json *doc, const char *key)
{
    opa_text t = {0};
    const cJSON *value = opa_json_get(opa_json_root(doc), key);
    if (value)
        opa_json_text(doc, value, &t);
    return t;
}

/* The sample of a record in the released format; texts are borrowed from the document and its bytes. */
static opa_sample sample_of(const opa_json *doc, opa_text bytes)
{
    opa_json_place place;
    opa_sample s = {.id = OPA_TEXT("x"), .has_image = true, .image_format = OPA_IMAGE_JPEG, .report_expected = true};
    s.prompt = text_of(doc, "query");
    s.generated = text_of(doc, "original_generate_response");
    s.revised = text_of(doc, "AI_pseudo_response");
    s.ground_truth = text_of(doc, "standard_response");
    assert_true(opa_json_place_of(doc, "AI_json_report", &place));
    s.report = (opa_text){bytes.data + place.value.begin, place.value.end - place.value.begin};
    return s;
}

/* The member that a recipe makes of a sample; borrowed from the fixture's writer. */
static opa_text member_of(fixture *f, const char *recipe_name, const opa_sample *sample, bool stored)
{
    opa_recipe *recipe;
    opa_assessment assessment;
    opa_text json;
    opa_pairs pairs;
    opa_findings findings = {0};
    ok(f, opa_recipe_open(f->ctx, &recipe, recipe_name));
    opa_align_options align = opa_recipe_align_options(recipe);
    align.keep_revised |= stored;
    const opa_pairs_options options = {
        .recipe = recipe, .encoder = f->encoder, .tokenizer = f->tokenizer, .eos = opa_tokenizer_eos(f->tokenizer)};
    ok(f, opa_assess(f->ctx, &assessment, sample, &align, NULL));
    opa_recipe_apply(recipe, &pairs, sample, &assessment);
    assert_int_equal(pairs.left_out, 0);
    assert_int_equal(pairs.counts.language, 2);
    assert_int_equal(pairs.counts.image, 2);
    assert_int_equal(pairs.counts.anchor, 2);
    opa_json_writer_clear(f->writer);
    ok(f, opa_pairs_write(f->ctx, f->writer, &options, sample, &assessment, &findings));
    assert_int_equal(findings.count, 0);
    ok(f, opa_json_writer_finish(f->writer, &json));
    opa_findings_release(&findings);
    opa_assessment_release(&assessment);
    opa_recipe_free(recipe);
    return json;
}

/* Are the numbers of @p got those of @p want without its first @p skip? */
static void same_numbers(const opa_json *got_doc, const cJSON *got, const opa_json *want_doc, const cJSON *want,
                         int skip_first, const char *what)
{
    assert_true(cJSON_IsArray(got) && cJSON_IsArray(want));
    const cJSON *w = want->child;
    while (skip_first-- > 0)
        w = w->next;
    size_t i = 0;
    for (const cJSON *g = got->child; g; g = g->next, w = w->next, i++) {
        double a, b;
        if (!w || !opa_json_number(got_doc, g, &a) || !opa_json_number(want_doc, w, &b) || a != b)
            fail_msg("%s: number %zu differs", what, i);
    }
    if (w)
        fail_msg("%s: too few numbers", what);
}

static const cJSON *response(const opa_json *doc, const char *role)
{
    return opa_json_get(opa_json_get(opa_json_root(doc), "responses"), role);
}

static void compare_released(fixture *f, const opa_json *golden, opa_text member)
{
    opa_json *doc;
    ok(f, opa_json_parse(f->ctx, &doc, member, NULL, NULL));
    static const char *const parts[][3] = {{"generated", "gen_ids", NULL},   {"generated", "gen_s", "language"},
                                           {"generated", "gen_w", "image"},  {"revised", "rev_ids", NULL},
                                           {"revised", "rev_s", "language"}, {"revised", "rev_w", "image"},
                                           {"ground_truth", "gt_ids", NULL}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const cJSON *r = response(doc, parts[i][0]);
        const cJSON *got = parts[i][2] ? opa_json_get(opa_json_get(r, "weights"), parts[i][2]) : opa_json_get(r, "ids");
        same_numbers(doc, got, golden, opa_json_get(opa_json_root(golden), parts[i][1]), 1, parts[i][1]);
        assert_null(opa_json_get(r, "bos"));
    }
    opa_text got, want = text_of(golden, "y_rev");
    assert_true(opa_json_text(doc, opa_json_get(response(doc, "revised"), "text"), &got));
    assert_true(opa_text_equal(got, want));
    opa_json_free(doc);
}

static void the_release_is_reproduced_to_the_token(void **state)
{
    (void)state;
    fixture f = {0};
    open_fixture(&f, "tokenizers/llama2/vicuna_tokenizer.json");
    opa_json_stream *goldens, *records = NULL;
    opa_json_record golden, record;
    ok(&f, opa_json_stream_open(f.ctx, &goldens, shared("peer/data/expert_golden.jsonl"), NULL, NULL));
    int count = 0, at = 0;
    char open_name[64] = "";
    while (opa_json_stream_next(goldens, &golden) == OPA_OK) {
        opa_json *g, *r;
        char name[64], path[128];
        int row;
        ok(&f, opa_json_parse(f.ctx, &g, golden.bytes, NULL, NULL));
        const opa_text id = text_of(g, "id");
        assert_int_equal(sscanf(id.data, "%63[^:]:%d", name, &row), 2);
        if (strcmp(name, open_name) != 0) {
            opa_json_stream_free(records);
            snprintf(path, sizeof path, "data/expert/rollouts/%s", name);
            ok(&f, opa_json_stream_open(f.ctx, &records, shared(path), NULL, NULL));
            snprintf(open_name, sizeof open_name, "%s", name);
            at = 0;
        }
        assert_int_equal(row, at++);
        ok(&f, opa_json_stream_next(records, &record));
        ok(&f, opa_json_parse(f.ctx, &r, record.bytes, NULL, NULL));
        const opa_sample sample = sample_of(r, record.bytes);
        assert_false(opa_text_repeats_released(sample.generated));
        compare_released(&f, g, member_of(&f, "opa-dpo-release", &sample, false));
        opa_json_free(g);
        opa_json_free(r);
        count++;
    }
    assert_int_equal(count, 48);
    opa_json_stream_free(records);
    opa_json_stream_free(goldens);
    close_fixture(&f);
}

/* The record of the annotations with this id; the caller frees *out, whose bytes are in *bytes. */
static void find_record(fixture *f, opa_json **out, opa_buffer *bytes, opa_text id)
{
    opa_json_stream *s;
    opa_json_record record;
    ok(f, opa_json_stream_open(f->ctx, &s, shared("data/expert/annotations.jsonl"), NULL, NULL));
    for (;;) {
        ok(f, opa_json_stream_next(s, &record));
        opa_buffer_clear(bytes);
        opa_buffer_add_text(bytes, record.bytes);
        ok(f, opa_json_parse(f->ctx, out, opa_buffer_text(bytes), NULL, NULL));
        if (opa_text_equal(text_of(*out, "id"), id))
            break;
        opa_json_free(*out);
    }
    opa_json_stream_free(s);
}

static void compare_case(const char *folder)
{
    fixture f = {0};
    char path[256];
    snprintf(path, sizeof path, "parity/%s/checkpoint", folder);
    open_fixture(&f, path);
    snprintf(path, sizeof path, "parity/%s/samples.jsonl", folder);
    opa_json_stream *s;
    opa_json_record line;
    ok(&f, opa_json_stream_open(f.ctx, &s, shared(path), NULL, NULL));
    int count = 0;
    while (opa_json_stream_next(s, &line) == OPA_OK) {
        opa_json *golden, *record, *doc;
        opa_buffer bytes = {0};
        ok(&f, opa_json_parse(f.ctx, &golden, line.bytes, NULL, NULL));
        find_record(&f, &record, &bytes, text_of(golden, "id"));
        const opa_sample sample = sample_of(record, opa_buffer_text(&bytes));
        ok(&f, opa_json_parse(f.ctx, &doc, member_of(&f, "opa-dpo", &sample, true), NULL, NULL));
        static const char *const roles[] = {"generated", "revised", "ground_truth"};
        for (size_t i = 0; i < 3; i++) {
            const cJSON *got = response(doc, roles[i]), *want = response(golden, roles[i]);
            const cJSON *weights = opa_json_get(got, "weights");
            same_numbers(doc, opa_json_get(got, "ids"), golden, opa_json_get(want, "ids_sft"), 0, roles[i]);
            same_numbers(doc, opa_json_get(weights, "language"), golden, opa_json_get(want, "s"), 1, roles[i]);
            same_numbers(doc, opa_json_get(weights, "image"), golden, opa_json_get(want, "w"), 1, roles[i]);
        }
        opa_json_free(doc);
        opa_json_free(record);
        opa_json_free(golden);
        opa_buffer_release(&bytes);
        count++;
    }
    assert_int_equal(count, 2);
    opa_json_stream_free(s);
    close_fixture(&f);
}

static void whole_tokenisation_is_that_of_the_parity_cases(void **state)
{
    (void)state;
    compare_case("llava15_tiny");
    compare_case("llava15_small_geometry");
    compare_case("llava15_original_layout");
    compare_case("llama_text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_release_is_reproduced_to_the_token),
        cmocka_unit_test(whole_tokenisation_is_that_of_the_parity_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
