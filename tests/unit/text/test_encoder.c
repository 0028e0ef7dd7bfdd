/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../with_context.h"
#include <opapairs/tokenizer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static opa_tokenizer *open_data(const char *name)
{
    char path[4096];
    opa_tokenizer *tok;
    const char *folder = getenv("OPA_TEST_DATA");
    snprintf(path, sizeof(path), "%s/text/%s", folder ? folder : ".", name);
    assert_int_equal(opa_tokenizer_open(ctx, &tok, path), OPA_OK);
    return tok;
}

/* "piece[begin,end)" of each token, in one line. */
static void check(const opa_tokenizer *tok, opa_text text, unsigned flags, const char *expected)
{
    opa_encoder *enc;
    opa_tokens out = {0};
    char line[1024] = "";
    size_t n = 0;
    assert_int_equal(opa_encoder_new(ctx, &enc, tok), OPA_OK);
    assert_int_equal(opa_encoder_encode(enc, &out, text, flags), OPA_OK);
    for (size_t i = 0; i < out.count; i++) {
        const opa_text piece = opa_tokenizer_piece(tok, out.ids[i]);
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%.*s[%u,%u)", i ? " " : "", (int)piece.size,
                              piece.data ? piece.data : "", out.begin[i], out.end[i]);
        assert_true(n < sizeof(line));
    }
    assert_string_equal(line, expected);
    opa_tokens_release(&out);
    opa_encoder_free(enc);
}

static void offsets_of_llama(void **state)
{
    (void)state;
    opa_tokenizer *tok = open_data("llama.json");
    check(tok, OPA_TEXT("The dog"), OPA_ENCODE_SPECIAL, "<s>[0,0) ▁The[0,3) ▁dog[3,7)");
    check(tok, OPA_TEXT("a\t"), OPA_ENCODE_PLAIN, "▁[0,0) a[0,1) <0x09>[1,2)");
    /* Bytes of a character that is no piece stand for themselves; what is put in front stands for nothing. */
    check(tok, OPA_TEXT("\xE2\x82\xAC"), OPA_ENCODE_PLAIN, "▁[0,0) <0xE2>[0,1) <0x82>[1,2) <0xAC>[2,3)");
    check(tok, OPA_TEXT("<image>  dog"), OPA_ENCODE_PLAIN, "<image>[0,9) ▁dog[9,12)");
    check(tok, OPA_TEXT(""), OPA_ENCODE_SPECIAL, "<s>[0,0)");
    check(tok, (opa_text){NULL, 0}, OPA_ENCODE_PLAIN, "");
    opa_tokenizer_free(tok);
}

static void damage_is_seen_as_replacement(void **state)
{
    (void)state;
    opa_tokenizer *tok = open_data("llama.json");
    check(tok, OPA_TEXT("a\xED\xA0\xBD\xFFs"), OPA_ENCODE_PLAIN,
          "▁[0,0) a[0,1) <0xEF>[1,4) <0xBF>[1,4) <0xBD>[1,4) <0xEF>[4,5) <0xBF>[4,5) <0xBD>[4,5) s[5,6)");
    check(tok, OPA_TEXT("a\0"), OPA_ENCODE_PLAIN, "▁[0,0) a[0,1) <0x00>[1,2)");
    opa_tokenizer_free(tok);
}

static void offsets_of_bytes(void **state)
{
    (void)state;
    opa_tokenizer *tok = open_data("qwen2.json");
    check(tok, OPA_TEXT("The dog\n"), OPA_ENCODE_SPECIAL, "The[0,3) Ġdog[3,7) Ċ[7,8)");
    /* A composed character stands for what it was made of: each of its bytes. */
    check(tok, OPA_TEXT("xa\xCC\x88"), OPA_ENCODE_PLAIN, "x[0,1) Ã[1,4) ¤[1,4)");
    opa_tokenizer_free(tok);
}

static void collapsed_spaces(void **state)
{
    (void)state;
    opa_tokenizer *tok = open_data("spm_nfkc.model");
    check(tok, OPA_TEXT("  The   dog  "), OPA_ENCODE_SPECIAL, "<s>[0,0) ▁The[2,5) ▁dog[5,11)");
    opa_tokenizer_free(tok);
}

static void words_have_hashes(void **state)
{
    (void)state;
    opa_tokenizer *tok;
    opa_encoder *enc;
    opa_tokens out = {0};
    assert_int_equal(opa_tokenizer_words(ctx, &tok), OPA_OK);
    assert_string_equal(opa_tokenizer_kind(tok), "words");
    assert_int_equal(opa_tokenizer_bos(tok), -1);
    assert_int_equal(opa_tokenizer_eos(tok), -1);
    assert_int_equal(opa_encoder_new(ctx, &enc, tok), OPA_OK);
    assert_int_equal(opa_encoder_encode(enc, &out, OPA_TEXT("a dog, a"), OPA_ENCODE_SPECIAL), OPA_OK);
    assert_int_equal(out.count, 4);
    /* FNV-1a of "a" is af63dc4c8601ec8c. */
    assert_int_equal(out.ids[0], 0xAF63DC4Cu >> 1);
    assert_int_equal(out.ids[3], out.ids[0]);
    assert_int_equal(out.begin[2], 5);
    assert_int_equal(out.end[2], 6);
    opa_tokens_release(&out);
    opa_encoder_free(enc);
    opa_tokenizer_free(tok);
}

/* Random bytes: an encoder that has seen other texts gives what a new one gives; offsets never decrease. */
static void the_cache_changes_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"llama.json",   "metaspace.json",     "qwen2.json",    "gpt2.json",
                                        "smollm2.json", "spm_identity.model", "spm_nfkc.model"};
    static const char *const parts[] = {" ",  "  ",   "The",          " dog", "bicycle", "7",  "é",  "e\xCC\x81",
                                        "中", "\xFF", "\xED\xB0\x80", "<s>",  "<image>", "'s", "\n", "▁",
                                        "\t", "x",    "👍🏽",     "."};
    const unsigned seed = 31337;
    print_message("seed %u\n", seed);
    srand(seed);
    for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        opa_tokenizer *tok = open_data(names[k]);
        opa_encoder *old, *new;
        opa_tokens a = {0}, b = {0};
        assert_int_equal(opa_encoder_new(ctx, &old, tok), OPA_OK);
        for (int round = 0; round < 300; round++) {
            char text[400];
            size_t size = 0;
            for (int i = rand() % 30; i > 0; i--) {
                const char *part = parts[(size_t)rand() % (sizeof(parts) / sizeof(parts[0]))];
                memcpy(text + size, part, strlen(part));
                size += strlen(part);
            }
            assert_int_equal(opa_encoder_new(ctx, &new, tok), OPA_OK);
            assert_int_equal(opa_encoder_encode(old, &a, (opa_text){text, size}, OPA_ENCODE_PLAIN), OPA_OK);
            assert_int_equal(opa_encoder_encode(new, &b, (opa_text){text, size}, OPA_ENCODE_PLAIN), OPA_OK);
            opa_encoder_free(new);
            assert_int_equal(a.count, b.count);
            for (size_t i = 0; i < a.count; i++) {
                assert_int_equal(a.ids[i], b.ids[i]);
                assert_int_equal(a.begin[i], b.begin[i]);
                assert_int_equal(a.end[i], b.end[i]);
                assert_true(a.begin[i] <= a.end[i] && a.end[i] <= size);
                assert_true(i == 0 || (a.begin[i] >= a.begin[i - 1] && a.end[i] >= a.end[i - 1]));
            }
        }
        opa_tokens_release(&a);
        opa_tokens_release(&b);
        opa_encoder_free(old);
        opa_tokenizer_free(tok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_of_llama),  cmocka_unit_test(damage_is_seen_as_replacement),
        cmocka_unit_test(offsets_of_bytes),  cmocka_unit_test(collapsed_spaces),
        cmocka_unit_test(words_have_hashes), cmocka_unit_test(the_cache_changes_nothing),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
