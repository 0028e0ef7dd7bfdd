/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "conversation.h"
#include "detokenize.h"

struct fixture {
    struct trainer t;
    opa_tokenizer *tokenizer;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    start(&f->t, NULL);
    assert_int_equal(opa_tokenizer_open(f->t.opa, &f->tokenizer, data("trainer/llava/checkpoint")), OPA_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    opa_tokenizer_free(f->tokenizer);
    stop(&f->t);
    free(f);
    return 0;
}

/* The text that a prompt's ids spell, <image> where the image stands. */
static void check(struct fixture *f, const char *template, const char *prompt, bool image, const char *want)
{
    struct conversation c;
    struct prompter p;
    struct ids ids = {0};
    char whole[2048] = "";
    assert_int_equal(conversation_open(&f->t, &c, template), OPA_OK);
    assert_int_equal(prompter_init(&f->t, &p, &c, f->tokenizer), OPA_OK);
    assert_int_equal(prompter_encode(&f->t, &p, &ids, (opa_text){prompt, strlen(prompt)}, image, CONTEXT_SFT), OPA_OK);
    assert_int_equal(ids.data[0], opa_tokenizer_bos(f->tokenizer));
    for (size_t begin = 0, i = 0; i <= ids.count; i++) {
        if (i < ids.count && ids.data[i] != TREE_IMAGE)
            continue;
        char *text;
        size_t size;
        assert_int_equal(detokenize(&f->t, &text, &size, f->tokenizer, ids.data + begin, i - begin), OPA_OK);
        strcat(whole, text);
        strcat(whole, i < ids.count ? "<image>" : "");
        begin = i + 1;
        free(text);
    }
    assert_string_equal(whole, want);
    ids_release(&ids);
    prompter_release(&p);
    conversation_release(&c);
}

static void templates_are_put_around_prompts(void **state)
{
    check(*state, "llava_hf", "<image>\nWhat is it?", true, "USER: <image>\nWhat is it? ASSISTANT:");
    check(*state, "llava_hf", "What is it?", true, "USER: <image>\nWhat is it? ASSISTANT:");
    check(*state, "llava_hf", "What <image> is it?", true, "USER: What <image> is it? ASSISTANT:");
    check(*state, "plain", "What is it?", false, "What is it?");
    check(*state, "chatml", "Hi", false, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

static void prompts_that_do_not_fit_are_refused(void **state)
{
    struct fixture *f = *state;
    struct conversation c;
    struct prompter p;
    struct ids ids = {0};
    assert_int_equal(conversation_open(&f->t, &c, "plain"), OPA_OK);
    assert_int_equal(prompter_init(&f->t, &p, &c, f->tokenizer), OPA_OK);
    assert_int_equal(prompter_encode(&f->t, &p, &ids, OPA_TEXT("<image> a <image>"), true, CONTEXT_SFT), OPA_ERECORD);
    assert_int_equal(prompter_encode(&f->t, &p, &ids, OPA_TEXT("<image> a"), false, CONTEXT_SFT), OPA_ERECORD);
    ids_release(&ids);
    prompter_release(&p);
    conversation_release(&c);
    assert_int_equal(conversation_open(&f->t, &c, "no-such-template"), OPA_ENOENT);
    assert_message(&f->t, "vicuna_v1");
    assert_int_equal(conversation_parse(&f->t, &c, OPA_TEXT("{\"before\":\"x\"}"), "t.json"), OPA_EDATA);
    assert_int_equal(conversation_parse(&f->t, &c, OPA_TEXT("{\"before\":\"x\",\"after\":7}"), "t.json"), OPA_EDATA);
    assert_int_equal(
        conversation_parse(&f->t, &c, OPA_TEXT("{\"before\":\"x\",\"after\":\"y\",\"stop\":\"z\"}"), "t.json"), OPA_OK);
    assert_string_equal(c.stop, "z");
    conversation_release(&c);
}

static void the_released_context_adds_its_pieces(void **state)
{
    struct fixture *f = *state;
    struct conversation c;
    struct prompter p;
    struct ids sft = {0}, release = {0};
    assert_int_equal(conversation_open(&f->t, &c, "vicuna_v1"), OPA_OK);
    assert_int_equal(prompter_init(&f->t, &p, &c, f->tokenizer), OPA_OK);
    assert_int_equal(prompter_encode(&f->t, &p, &sft, OPA_TEXT("A dog?"), true, CONTEXT_SFT), OPA_OK);
    assert_int_equal(prompter_encode(&f->t, &p, &release, OPA_TEXT("A dog?"), true, CONTEXT_RELEASE), OPA_OK);
    assert_int_equal(release.count, sft.count + 2);
    assert_int_equal(release.data[0], opa_tokenizer_bos(f->tokenizer));
    assert_memory_equal(release.data + 1, sft.data, sft.count * sizeof *sft.data);
    assert_int_equal(release.data[release.count - 1], opa_tokenizer_id(f->tokenizer, OPA_TEXT("\xE2\x96\x81")));
    ids_release(&sft);
    ids_release(&release);
    prompter_release(&p);
    conversation_release(&c);
}

/* What was cut into tokens is put together again, byte pieces and all. */
static void texts_come_back(void **state)
{
    static const char *const texts[] = {"A dog on a beach.",
                                        "  two spaces",
                                        "line\nbreak\ttab",
                                        "gr\xC3\xBC\xC3\x9F Gott",
                                        "\xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\xA6\x84",
                                        ""};
    struct fixture *f = *state;
    opa_encoder *encoder;
    opa_tokens tokens = {0};
    assert_int_equal(opa_encoder_new(f->t.opa, &encoder, f->tokenizer), OPA_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *text;
        size_t size;
        const opa_text in = {texts[i], strlen(texts[i])};
        assert_int_equal(opa_encoder_encode(encoder, &tokens, in, OPA_ENCODE_SPECIAL), OPA_OK);
        assert_int_equal(detokenize(&f->t, &text, &size, f->tokenizer, tokens.ids, tokens.count), OPA_OK);
        assert_int_equal(size, in.size);
        assert_string_equal(text, texts[i]);
        free(text);
    }
    /* Half a character, and ids of no piece. */
    const int32_t half[] = {opa_tokenizer_id(f->tokenizer, OPA_TEXT("<0xE4>")),
                            opa_tokenizer_id(f->tokenizer, OPA_TEXT("<0xBD>")),
                            opa_tokenizer_id(f->tokenizer, OPA_TEXT("<0x41>")), 540};
    char *text;
    size_t size;
    assert_int_equal(detokenize(&f->t, &text, &size, f->tokenizer, half, 4), OPA_OK);
    assert_string_equal(text, "\xEF\xBF\xBD"
                              "A");
    free(text);
    opa_tokens_release(&tokens);
    opa_encoder_free(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_put_around_prompts),
        cmocka_unit_test(prompts_that_do_not_fit_are_refused),
        cmocka_unit_test(the_released_context_adds_its_pieces),
        cmocka_unit_test(texts_come_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
