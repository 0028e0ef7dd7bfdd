/* SPDX-License-Identifier: Apache-2.0 */
/* Weights by the edit script, read back from members: by hand on the tokens of real models, and against a naive twin
 * that looks at every byte. */
#include "../align/support.h"

#include <cjson/cJSON.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "pairs/hunks.h"

#define RECIPE                                                                                                         \
    "{\"schema_version\":1,\"name\":\"x\",\"pairs\":[{\"type\":\"language\",\"chosen\":\"revised\",\"rejected\":"      \
    "\"generated\",\"weights\":\"language\"}],\"weights\":{\"language\":{\"by\":\"hunks\",\"changed\":5,\"kept\":1},"  \
    "\"image\":{\"by\":\"score\"}},\"filters\":{\"repetition\":\"none\"}}"

typedef struct fixture {
    opa_context *ctx;
    opa_tokenizer *tokenizer;
    opa_encoder *encoder;
    opa_json_writer *writer;
    opa_recipe *recipe;
    opa_assessment assessment;
    opa_json *member;
} fixture;

static void ok(fixture *f, int status)
{
    if (status)
        fail_msg("%s: %s", opa_status_name(status), opa_context_message(f->ctx));
}

/* @p root: an environment variable that names the folder. Skips where the file is not there. */
static void open_fixture(fixture *f, const char *root, const char *tokenizer, const char *recipe)
{
    char path[512];
    const char *folder = getenv(root);
    snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", tokenizer);
    if (access(path, F_OK) != 0)
        skip();
    *f = (fixture){0};
    assert_int_equal(opa_context_new(&f->ctx), OPA_OK);
    ok(f, opa_tokenizer_open(f->ctx, &f->tokenizer, path));
    ok(f, opa_encoder_new(f->ctx, &f->encoder, f->tokenizer));
    ok(f, opa_json_writer_new(f->ctx, &f->writer));
    ok(f, opa_recipe_parse(f->ctx, &f->recipe, text_of(recipe)));
}

static void close_fixture(fixture *f)
{
    opa_json_free(f->member);
    opa_assessment_release(&f->assessment);
    opa_recipe_free(f->recipe);
    opa_json_writer_free(f->writer);
    opa_encoder_free(f->encoder);
    opa_tokenizer_free(f->tokenizer);
    opa_context_free(f->ctx);
}

static void make(fixture *f, const opa_sample *sample)
{
    const opa_pairs_options options = {.recipe = f->recipe, .encoder = f->encoder, .tokenizer = f->tokenizer, .eos = 2};
    opa_text json;
    opa_assessment_release(&f->assessment);
    opa_json_free(f->member);
    f->member = NULL;
    opa_json_writer_clear(f->writer);
    ok(f, opa_assess(f->ctx, &f->assessment, sample, NULL, NULL));
    ok(f, opa_pairs_write(f->ctx, f->writer, &options, sample, &f->assessment, NULL));
    ok(f, opa_json_writer_finish(f->writer, &json));
    ok(f, opa_json_parse(f->ctx, &f->member, json, NULL, NULL));
}

/* One weight of a response after the other; the caller releases *out. */
static void weights_of(fixture *f, opa_buffer *out, const char *role, const char *which)
{
    const cJSON *r = opa_json_get(opa_json_get(opa_json_root(f->member), "responses"), role);
    const cJSON *list = opa_json_get(opa_json_get(r, "weights"), which);
    assert_true(cJSON_IsArray(list));
    assert_int_equal(cJSON_GetArraySize(list), cJSON_GetArraySize(opa_json_get(r, "ids")));
    for (const cJSON *item = list->child; item; item = item->next) {
        double x;
        assert_true(opa_json_number(f->member, item, &x));
        opa_buffer_printf(out, "%s%g", out->size ? " " : "", x);
    }
}

static void weights_are(fixture *f, const char *role, const char *wanted)
{
    opa_buffer b = {0};
    weights_of(f, &b, role, "language");
    assert_string_equal(b.data, wanted);
    opa_buffer_release(&b);
}

static opa_sample sample_of(const char *generated, const char *revised)
{
    return (opa_sample){.id = OPA_TEXT("x"),
                        .prompt = OPA_TEXT("Say"),
                        .generated = text_of(generated),
                        .revised = text_of(revised),
                        .ground_truth = OPA_TEXT("No.")};
}

/* Tokens are in the comments, | between them, changed ones in capitals. The last weight is EOS. */
static void llama_by_hand(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "OPA_TEST_SHARED", "tokenizers/llama2/vicuna_tokenizer.json", RECIPE);
    /* a| F|IR|ETRUCK| is| red|,| not| blue|. to a| HUGE| FIRE| TR|UCK| is| red|,| not| blue|. */
    opa_sample s = sample_of("A firetruck is red, not blue.", "A huge fire truck is red, not blue.");
    make(&f, &s);
    weights_are(&f, "generated", "1 5 5 5 1 1 1 1 1 1 0");
    weights_are(&f, "revised", "1 5 5 5 5 1 1 1 1 1 1 1");
    weights_are(&f, "ground_truth", "1 1 1");
    /* Pure insertion: two| SMALL| dogs|.; nothing of the generated response is changed. */
    s = sample_of("Two dogs.", "Two small dogs.");
    make(&f, &s);
    weights_are(&f, "generated", "1 1 1 0");
    weights_are(&f, "revised", "1 5 1 1 1");
    /* Pure deletion, the other way round. */
    s = sample_of("Two small dogs.", "Two dogs.");
    make(&f, &s);
    weights_are(&f, "generated", "1 5 1 1 0");
    weights_are(&f, "revised", "1 1 1 1");
    /* two| of| the| red| C|ATS: the end changes, and EOS follows its neighbour in the revised response. */
    s = sample_of("Two of the red dogs", "Two of the red cats");
    make(&f, &s);
    weights_are(&f, "generated", "1 1 1 1 5 0");
    weights_are(&f, "revised", "1 1 1 1 5 5 5");
    close_fixture(&f);
}

/* A sentence goes, text is added; what stays weighs nothing of it. */
static void sentences_by_hand(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "OPA_TEST_SHARED", "tokenizers/llama2/vicuna_tokenizer.json", RECIPE);
    opa_sample s = sample_of("A dog runs. It rains. The sun is out.", NULL);
    s.report_expected = true;
    s.report = text_of("{\"0\":{\"copied_content\":\"A dog runs.\",\"score\":4,\"rewritten_content\":\"A dog runs.\"},"
                       "\"1\":{\"copied_content\":\"It rains.\",\"score\":1,\"rewritten_content\":\"\"},"
                       "\"2\":{\"copied_content\":\"The sun is out.\",\"score\":4,"
                       "\"rewritten_content\":\"The sun is out.\"},"
                       "\"Added\":{\"rewritten_content\":\"A cat.\"}}");
    s.revised = text_of("A dog runs. The sun is out. A cat.");
    make(&f, &s);
    /* a| dog| runs|.| IT| RA|INS|.| the| sun| is| out|. */
    weights_are(&f, "generated", "1 1 1 1 5 5 5 5 1 1 1 1 1 0");
    /* a| dog| runs|.| the| sun| is| out|.| A| CAT|. */
    weights_are(&f, "revised", "1 1 1 1 1 1 1 1 1 5 5 5 5");
    /* The other array goes its own way, by score. */
    opa_buffer b = {0};
    weights_of(&f, &b, "generated", "image");
    assert_string_equal(b.data, "1 1 1 1 2.5 2.5 2.5 2.5 1 1 1 1 1 0");
    opa_buffer_release(&b);
    close_fixture(&f);
}

static void qwen_by_hand(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "OPA_TEST_SHARED", "tokenizers/qwen2_5/tokenizer.json", RECIPE);
    /* a| FIRE|TRUCK| is| red|,| not| blue|.\n|it| rains|. to a| HUGE| FIRE| TRUCK| is| ... */
    opa_sample s =
        sample_of("A firetruck is red, not blue.\nIt rains.", "A huge fire truck is red, not blue.\nIt rains.");
    make(&f, &s);
    weights_are(&f, "generated", "1 5 5 1 1 1 1 1 1 1 1 1 0");
    weights_are(&f, "revised", "1 5 5 5 1 1 1 1 1 1 1 1 1 1");
    /* a| dog| (|RED|). : the last token has a deleted byte and a kept one, so it is changed; "." stays on the right. */
    s = sample_of("A dog (red).", "A dog.");
    make(&f, &s);
    weights_are(&f, "generated", "1 1 5 5 5 0");
    weights_are(&f, "revised", "1 1 1 1");
    close_fixture(&f);
}

/* Without an edit there is only what was kept; without a revised text there is no script, and all weigh 1. */
static void without_an_edit(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "OPA_TEST_DATA", "text/llama.json",
                 "{\"schema_version\":1,\"name\":\"x\",\"pairs\":[{\"type\":\"anchor\",\"response\":\"generated\"}],"
                 "\"weights\":{\"language\":{\"by\":\"hunks\",\"kept\":0.25}}}");
    opa_buffer b = {0};
    opa_sample s = sample_of("the dog", "the dog");
    make(&f, &s);
    weights_of(&f, &b, "generated", "language");
    assert_non_null(strstr(b.data, "0.25 0.25"));
    assert_null(strstr(b.data, "1"));
    opa_buffer_clear(&b);
    s = sample_of("the dog", NULL);
    make(&f, &s);
    weights_of(&f, &b, "generated", "language");
    assert_non_null(strstr(b.data, "1 1"));
    assert_null(strstr(b.data, "0.25"));
    opa_buffer_release(&b);
    close_fixture(&f);
}

/* ---- the naive twin ---- */

/* The hunk that holds byte @p at of a side. */
static const opa_hunk *hunk_at(const opa_alignment *a, bool revised, size_t at)
{
    for (size_t i = 0; i < a->hunk_count; i++) {
        const opa_span s = revised ? a->hunks[i].revised : a->hunks[i].generated;
        if (s.begin <= at && at < s.end)
            return &a->hunks[i];
    }
    return NULL;
}

static bool is_changed(const opa_alignment *a, bool revised, opa_text text, size_t begin, size_t end)
{
    for (size_t at = begin; at < end; at++) {
        size_t first = at;
        uint32_t c;
        while (first > 0 && ((unsigned char)text.data[first] & 0xC0) == 0x80)
            first--;
        const size_t n = opa_wtf8_decode(&c, text.data + first, text.size - first);
        if ((n == 0 || !opa_is_space(c)) && hunk_at(a, revised, at)->op != OPA_KEEP)
            return true;
    }
    /* Nothing visible of it is: then its first byte decides. */
    return hunk_at(a, revised, begin)->op != OPA_KEEP;
}

/* Compares a side, and counts its changed tokens. */
static size_t compare(fixture *f, bool revised, opa_text text)
{
    opa_buffer wanted = {0}, got = {0};
    opa_tokens tokens = {0};
    size_t changed = 0;
    double last = 1;
    weights_of(f, &got, revised ? "revised" : "generated", "language");
    ok(f, opa_encoder_encode(f->encoder, &tokens, text, OPA_ENCODE_PLAIN));
    for (size_t t = 0; t < tokens.count; t++) {
        /* A token of no byte (SentencePiece's lone prefix) goes with the byte that it stands before. */
        const size_t begin = tokens.begin[t] < text.size ? tokens.begin[t] : text.size - 1;
        const bool is = is_changed(&f->assessment.alignment, revised, text, begin, tokens.end[t]);
        changed += is;
        last = is ? 5 : 1;
        opa_buffer_printf(&wanted, "%g ", last);
    }
    opa_buffer_printf(&wanted, "%g", revised ? last : 0);
    assert_string_equal(got.data, wanted.data);
    opa_tokens_release(&tokens);
    opa_buffer_release(&wanted);
    opa_buffer_release(&got);
    return changed;
}

static void the_naive_twin_agrees(const char *tokenizer)
{
    fixture f;
    uint64_t seed = random_seed(tokenizer);
    open_fixture(&f, "OPA_TEST_DATA", tokenizer, RECIPE);
    size_t changed = 0, rounds = 0;
    for (int round = 0; round < 400; round++) {
        const opa_text a = random_text(&seed, 40), b = random_edit(&seed, a, 1 + random_below(&seed, 8));
        if (!opa_text_blank(a) && !opa_text_blank(b)) {
            opa_sample s = {.id = OPA_TEXT("x"), .prompt = OPA_TEXT("Say"), .generated = a, .revised = b};
            make(&f, &s);
            const size_t all = compare(&f, false, a) + compare(&f, true, b);
            const opa_pairs_options options = {.recipe = f.recipe, .encoder = f.encoder};
            opa_response_maker m = {.ctx = f.ctx, .options = &options, .sample = &s, .assessment = &f.assessment};
            size_t edited, total;
            ok(&f, opa_hunks_count(&m, &edited, &total));
            assert_int_equal(edited, all);
            opa_tokens_release(&m.tokens);
            changed += all;
            rounds++;
        }
        free((void *)(uintptr_t)a.data);
        free((void *)(uintptr_t)b.data);
    }
    assert_true(rounds > 300 && changed > rounds);
    close_fixture(&f);
}

static void llama_twin(void **state)
{
    (void)state;
    the_naive_twin_agrees("text/llama.json");
}

static void qwen_twin(void **state)
{
    (void)state;
    the_naive_twin_agrees("text/qwen2.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama_by_hand),   cmocka_unit_test(sentences_by_hand), cmocka_unit_test(qwen_by_hand),
        cmocka_unit_test(without_an_edit), cmocka_unit_test(llama_twin),        cmocka_unit_test(qwen_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
