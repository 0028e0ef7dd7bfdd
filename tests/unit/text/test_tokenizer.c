/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "../with_context.h"
#include <opapairs/json.h>
#include <opapairs/tokenizer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"

/* The path of a file below the folder that an environment variable names. */
static const char *path_of(const char *variable, const char *name)
{
    static char path[4096];
    const char *folder = getenv(variable);
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : ".", name);
    return path;
}

static const char *data(const char *name)
{
    char below[256];
    snprintf(below, sizeof(below), "text/%s", name);
    return path_of("OPA_TEST_DATA", below);
}

static bool slurp(opa_buffer *out, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    size_t n;
    do {
        assert_true(opa_buffer_reserve(out, 1 << 16));
        n = fread(out->data + out->size, 1, 1 << 16, f);
        out->size += n;
    } while (n > 0);
    fclose(f);
    return true;
}

static opa_tokenizer *open_ok(const char *path)
{
    opa_tokenizer *tok;
    const int rc = opa_tokenizer_open(ctx, &tok, path);
    if (rc)
        print_error("%s\n", opa_context_message(ctx));
    assert_int_equal(rc, OPA_OK);
    return tok;
}

/* A {"text", "ids"} object: the ids against those of the text; also the rules on offsets. */
static void check_case(opa_encoder *enc, opa_tokens *out, const opa_json *doc, const cJSON *one, unsigned flags)
{
    opa_text text;
    int64_t expected;
    size_t i = 0;
    uint32_t begin = 0, end = 0;
    assert_true(opa_json_text(doc, opa_json_get(one, "text"), &text));
    assert_int_equal(opa_encoder_encode(enc, out, text, flags), OPA_OK);
    for (const cJSON *id = opa_json_get(one, "ids")->child; id; id = id->next, i++) {
        assert_true(opa_json_integer(doc, id, &expected));
        if (i >= out->count || out->ids[i] != expected)
            print_error("token %zu of: %.*s\n", i, (int)text.size, text.data);
        assert_true(i < out->count);
        assert_int_equal(out->ids[i], expected);
        assert_true(out->begin[i] >= begin && out->end[i] >= end && out->begin[i] <= out->end[i]);
        begin = out->begin[i];
        end = out->end[i];
        assert_true(end <= text.size);
    }
    assert_int_equal(out->count, i);
}

/* {"text", "ids"} objects of one array, or of lines. */
static size_t check_cases(const opa_tokenizer *tok, const opa_json *doc, const cJSON *first, unsigned flags)
{
    opa_encoder *enc;
    opa_tokens out = {0};
    size_t count = 0;
    assert_int_equal(opa_encoder_new(ctx, &enc, tok), OPA_OK);
    /* Twice: from the merges, then from the cache. */
    for (int pass = 0; pass < 2; pass++) {
        for (const cJSON *one = first; one; one = one->next, count++)
            check_case(enc, &out, doc, one, flags);
    }
    opa_tokens_release(&out);
    opa_encoder_free(enc);
    return count / 2;
}

static void stored_vectors(void **state)
{
    (void)state;
    opa_buffer bytes = {0};
    opa_json *doc;
    assert_true(slurp(&bytes, data("tokenizer_vectors.json")));
    assert_int_equal(opa_json_parse(ctx, &doc, opa_buffer_text(&bytes), NULL, NULL), OPA_OK);
    size_t files = 0;
    for (const cJSON *one = opa_json_root(doc)->child; one; one = one->next, files++) {
        opa_text name;
        char file[64];
        assert_true(opa_json_text(doc, opa_json_get(one, "file"), &name));
        snprintf(file, sizeof(file), "%.*s", (int)name.size, name.data);
        opa_tokenizer *tok = open_ok(data(file));
        assert_true(check_cases(tok, doc, opa_json_get(one, "cases")->child, OPA_ENCODE_SPECIAL) > 20);
        opa_tokenizer_free(tok);
    }
    assert_int_equal(files, 8);
    opa_json_free(doc);
    opa_buffer_release(&bytes);
}

/* A file of the shared folder against lines of {"text", "ids"}. */
static size_t check_lines(const char *tokenizer, const char *lines)
{
    opa_json_stream *stream;
    opa_json_record record;
    size_t count = 0;
    opa_tokenizer *tok = open_ok(path_of("OPA_TEST_SHARED", tokenizer));
    assert_int_equal(opa_json_stream_open(ctx, &stream, path_of("OPA_TEST_SHARED", lines), NULL, NULL), OPA_OK);
    opa_encoder *enc;
    opa_tokens out = {0};
    assert_int_equal(opa_encoder_new(ctx, &enc, tok), OPA_OK);
    for (; opa_json_stream_next(stream, &record) == OPA_OK; count++) {
        opa_json *doc;
        assert_int_equal(opa_json_parse(ctx, &doc, record.bytes, NULL, NULL), OPA_OK);
        check_case(enc, &out, doc, opa_json_root(doc), OPA_ENCODE_SPECIAL);
        opa_json_free(doc);
    }
    opa_tokens_release(&out);
    opa_encoder_free(enc);
    opa_json_stream_free(stream);
    opa_tokenizer_free(tok);
    return count;
}

static bool have_shared(const char *name)
{
    return access(path_of("OPA_TEST_SHARED", name), R_OK) == 0;
}

static void shared_references(void **state)
{
    (void)state;
    if (!have_shared("tokenizers/llama2/tokenizer.model"))
        skip();
    assert_true(check_lines("tokenizers/llama2/vicuna_tokenizer.json", "tokenizers/llama2/spm_reference_ids.jsonl") >
                1000);
    assert_true(check_lines("tokenizers/llama2/tokenizer.model", "tokenizers/llama2/spm_reference_ids.jsonl") > 1000);
    assert_true(check_lines("tokenizers/qwen2_5/tokenizer.json", "tokenizers/qwen2_5/lenml_js_ids.jsonl") > 1000);
}

/* Texts between separator lines, ids a line each. */
static void check_ggml(const char *tokenizer, const char *name)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    char file[256];
    opa_buffer in = {0}, out = {0};
    snprintf(file, sizeof(file), "tokenizers/ggml_vocab/ggml-vocab-%s.gguf.inp", name);
    assert_true(slurp(&in, path_of("OPA_TEST_SHARED", file)));
    snprintf(file, sizeof(file), "tokenizers/ggml_vocab/ggml-vocab-%s.gguf.out", name);
    assert_true(slurp(&out, path_of("OPA_TEST_SHARED", file)));
    opa_tokenizer *tok = open_ok(path_of("OPA_TEST_SHARED", tokenizer));
    opa_encoder *enc;
    opa_tokens tokens = {0};
    assert_int_equal(opa_encoder_new(ctx, &enc, tok), OPA_OK);
    opa_buffer_add_char(&out, '\0');
    const char *text = in.data, *line = out.data;
    size_t count = 0;
    for (const char *end; (end = strstr(text, separator)); text = end + sizeof(separator) - 1, count++) {
        assert_int_equal(opa_encoder_encode(enc, &tokens, (opa_text){text, (size_t)(end - text)}, OPA_ENCODE_PLAIN), 0);
        for (size_t i = 0; i < tokens.count; i++) {
            char *next;
            assert_int_equal(strtol(line, &next, 10), tokens.ids[i]);
            line = next;
        }
        line += strspn(line, " ");
        assert_int_equal(*line++, '\n');
    }
    assert_true(count > 40);
    opa_tokens_release(&tokens);
    opa_encoder_free(enc);
    opa_tokenizer_free(tok);
    opa_buffer_release(&in);
    opa_buffer_release(&out);
}

static void shared_ggml_vectors(void **state)
{
    (void)state;
    if (!have_shared("tokenizers/ggml_vocab/ggml-vocab-qwen2.gguf.inp"))
        skip();
    check_ggml("tokenizers/llama2/vicuna_tokenizer.json", "llama-spm");
    check_ggml("tokenizers/llama2/tokenizer.model", "llama-spm");
    check_ggml("tokenizers/llama2/tokenizer.model", "phi-3");
    check_ggml("tokenizers/qwen2_5/tokenizer.json", "qwen2");
}

static void describes_itself(void **state)
{
    (void)state;
    opa_tokenizer *a = open_ok(data("llama.json"));
    assert_string_equal(opa_tokenizer_kind(a), "llama-bpe");
    assert_int_equal(opa_tokenizer_bos(a), 1);
    assert_int_equal(opa_tokenizer_eos(a), 2);
    assert_int_equal(opa_tokenizer_id(a, OPA_TEXT("<0x0A>")), opa_tokenizer_id(a, OPA_TEXT("<0x09>")) + 1);
    assert_int_equal(opa_tokenizer_id(a, OPA_TEXT("no such piece")), -1);
    const opa_text piece = opa_tokenizer_piece(a, 1);
    assert_int_equal(piece.size, 3);
    assert_memory_equal(piece.data, "<s>", 3);
    assert_null(opa_tokenizer_piece(a, -1).data);
    assert_null(opa_tokenizer_piece(a, 1 << 30).data);
    assert_int_equal(opa_tokenizer_id(a, OPA_TEXT("bench")), (int)opa_tokenizer_size(a) - 1);
    assert_int_equal(strlen(opa_tokenizer_fingerprint(a)), 64);
    opa_tokenizer *b = open_ok(data("metaspace.json"));
    assert_string_not_equal(opa_tokenizer_fingerprint(a), opa_tokenizer_fingerprint(b));
    opa_tokenizer_free(b);
    opa_tokenizer_free(a);
    a = open_ok(data("spm_identity.model"));
    assert_string_equal(opa_tokenizer_kind(a), "sentencepiece-bpe");
    assert_int_equal(opa_tokenizer_bos(a), 1);
    opa_tokenizer_free(a);
    a = open_ok(data("qwen2.json"));
    assert_string_equal(opa_tokenizer_kind(a), "byte-bpe");
    assert_int_equal(opa_tokenizer_bos(a), -1);
    assert_int_equal(opa_tokenizer_eos(a), opa_tokenizer_id(a, OPA_TEXT("<|im_end|>")));
    opa_tokenizer_free(a);
}

#define MODEL(added, vocab, merges)                                                                                    \
    "{\"added_tokens\":[" added "],\"model\":{\"type\":\"BPE\",\"vocab\":{" vocab "},\"merges\":[" merges "]}}"
#define ABC "\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"bc\":4"

static opa_tokenizer *parse_ok(const char *json)
{
    opa_tokenizer *tok;
    assert_int_equal(opa_tokenizer_parse(ctx, &tok, (opa_text){json, strlen(json)}), OPA_OK);
    return tok;
}

static void fingerprint_is_functional(void **state)
{
    (void)state;
    opa_tokenizer *base = parse_ok(MODEL("", ABC, "\"a b\",\"b c\""));
    opa_tokenizer *same[] = {
        parse_ok(MODEL("{\"id\":9,\"content\":\"<x>\",\"special\":true}", ABC, "\"a b\",\"b c\"")),
        parse_ok(MODEL("{\"id\":5,\"content\":\"<x>\"}", ABC ",\"<x>\":5", "\"a b\",\"b c\"")),
        parse_ok(" \n" MODEL("", ABC, "[\"a\",\"b\"],[\"b\",\"c\"]")),
    };
    opa_tokenizer *other[] = {
        parse_ok(MODEL("", ABC, "\"b c\",\"a b\"")),
        parse_ok(MODEL("", ABC, "\"a b\"")),
        parse_ok(MODEL("", "\"a\":0,\"b\":1,\"c\":2,\"ab\":4,\"bc\":3", "\"a b\",\"b c\"")),
        parse_ok(MODEL("", ABC ",\"d\":5", "\"a b\",\"b c\"")),
    };
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(opa_tokenizer_fingerprint(base), opa_tokenizer_fingerprint(same[i]));
        opa_tokenizer_free(same[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_string_not_equal(opa_tokenizer_fingerprint(base), opa_tokenizer_fingerprint(other[i]));
        opa_tokenizer_free(other[i]);
    }
    opa_tokenizer_free(base);
}

static void refuse(const char *json, size_t size, int status, const char *message)
{
    opa_tokenizer *tok;
    assert_int_equal(opa_tokenizer_parse(ctx, &tok, (opa_text){json, size}), status);
    assert_null(tok);
    if (!strstr(opa_context_message(ctx), message))
        fail_msg("\"%s\" is not in: %s", message, opa_context_message(ctx));
}
#define REFUSE(json, status, message) refuse(json, strlen(json), status, message)

static void refuses_by_name(void **state)
{
    (void)state;
    REFUSE("{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", OPA_EUNSUPPORTED, "Unigram");
    REFUSE("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", OPA_EUNSUPPORTED, "WordPiece");
    REFUSE("{\"normalizer\":{\"type\":\"NFKC\"},\"model\":{}}", OPA_EUNSUPPORTED, "NFKC");
    REFUSE("{\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{}}", OPA_EUNSUPPORTED, "Whitespace");
    REFUSE("{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"x+\"},\"behavior\":\"Isolated\"}}",
           OPA_EUNSUPPORTED, "x+");
    REFUSE("{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[],\"end_of_word_suffix\":\"</w>\"}}",
           OPA_EUNSUPPORTED, "</w>");
    REFUSE("", OPA_EDATA, "neither");
    REFUSE("hello", OPA_EDATA, "neither");
    REFUSE("{\"model\":", OPA_EDATA, "");
    REFUSE("{}", OPA_EDATA, "model");
    REFUSE(MODEL("", "\"a\":0", "\"a b\""), OPA_EDATA, "merge 0");
    REFUSE(MODEL("", "\"a\":0,\"b\":0", ""), OPA_EDATA, "twice");
    REFUSE(MODEL("", "\"a\":-1", ""), OPA_EDATA, "id");
    REFUSE(MODEL("", "\"a\":4000000000", ""), OPA_EDATA, "id");
    REFUSE(MODEL("", ABC, "\"a  b\""), OPA_EDATA, "merge 0");
    REFUSE(MODEL("{\"id\":0,\"content\":\"x\"}", ABC, ""), OPA_EDATA, "id 0");
    refuse("\x0A\xFF", 2, OPA_EDATA, "tokenizer.model");
    opa_tokenizer *tok;
    assert_int_equal(opa_tokenizer_open(ctx, &tok, data("unigram.model")), OPA_EUNSUPPORTED);
    assert_non_null(strstr(opa_context_message(ctx), "unigram"));
    assert_int_equal(opa_tokenizer_open(ctx, &tok, data("no-such-file")), OPA_ENOENT);
    assert_int_equal(opa_tokenizer_open(ctx, &tok, path_of("OPA_TEST_DATA", "text")), OPA_ENOENT);
    assert_null(tok);
}

/* Every prefix of a model file is refused or read, never worse. */
static void truncated_files(void **state)
{
    (void)state;
    static const char *const names[] = {"spm_identity.model", "llama.json"};
    for (size_t k = 0; k < 2; k++) {
        opa_buffer bytes = {0};
        assert_true(slurp(&bytes, data(names[k])));
        for (size_t size = 0; size < bytes.size; size += 1 + bytes.size / 61) {
            opa_tokenizer *tok;
            const int rc = opa_tokenizer_parse(ctx, &tok, (opa_text){bytes.data, size});
            assert_true(rc == OPA_EDATA || rc == OPA_EUNSUPPORTED);
            assert_null(tok);
        }
        opa_buffer_release(&bytes);
    }
}

/* "eos_token" of the file beside decides. */
static void reads_the_config_beside(void **state)
{
    (void)state;
    char folder[] = "/tmp/opa-tokenizer-XXXXXX", path[64];
    static const char *const configs[] = {"{\"eos_token\":\"ab\"}", "{\"eos_token\":{\"content\":\"ab\"}}", "{", "{}",
                                          "{\"eos_token\":\"<|none|>\"}"};
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "%s/tokenizer_config.json", folder);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(configs[i], f);
        fclose(f);
        snprintf(path, sizeof(path), "%s/tokenizer.json", folder);
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(MODEL("{\"id\":7,\"content\":\"</s>\"}", ABC, "\"a b\""), f);
        fclose(f);
        opa_tokenizer *tok = open_ok(folder);
        assert_int_equal(opa_tokenizer_eos(tok), i < 2 ? 3 : 7);
        const opa_text lacked = opa_tokenizer_lacked_eos(tok);
        assert_true((lacked.data != NULL) == (i == 4));
        assert_true(!lacked.data || (lacked.size == 8 && memcmp(lacked.data, "<|none|>", 8) == 0));
        opa_tokenizer_free(tok);
    }
    remove(path);
    snprintf(path, sizeof(path), "%s/tokenizer_config.json", folder);
    remove(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_vectors),
        cmocka_unit_test(shared_references),
        cmocka_unit_test(shared_ggml_vectors),
        cmocka_unit_test(describes_itself),
        cmocka_unit_test(fingerprint_is_functional),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(truncated_files),
        cmocka_unit_test(reads_the_config_beside),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
