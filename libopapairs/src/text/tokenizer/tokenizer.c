/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <opapairs/json.h>

#include "base/context.h"
#include "base/utf8.h"
#include "text/tokenizer/model.h"

/* No tokenizer file is larger. */
#define FILE_MAX ((size_t)256 << 20)

static int new_tokenizer(opa_context *ctx, opa_tokenizer **out)
{
    opa_tokenizer *tok = calloc(1, sizeof(*tok));
    *out = NULL;
    if (!tok || !(tok->arena = opa_arena_new())) {
        free(tok);
        return opa_fail_memory(ctx);
    }
    tok->unknown = tok->eos = -1;
    memset(tok->ascii, 0xFF, sizeof(tok->ascii));
    memset(tok->bytes, 0xFF, sizeof(tok->bytes));
    *out = tok;
    return OPA_OK;
}

void opa_tokenizer_free(opa_tokenizer *tok)
{
    if (!tok)
        return;
    opa_arena_free(tok->arena);
    opa_vocab_release(&tok->pieces);
    opa_vocab_release(&tok->symbols);
    opa_added_release(&tok->keep);
    opa_added_release(&tok->raw);
    opa_added_release(&tok->normalized);
    opa_bpe_release(&tok->bpe);
    free(tok);
}

static void find_eos(opa_tokenizer *tok)
{
    static const char *const names[] = {"</s>", "<|im_end|>", "<|endoftext|>"};
    for (size_t i = 0; tok->eos < 0 && i < sizeof(names) / sizeof(names[0]); i++)
        tok->eos = opa_vocab_find(&tok->pieces, (opa_text){names[i], strlen(names[i])});
}

int opa_tokenizer_parse(opa_context *ctx, opa_tokenizer **out, opa_text bytes)
{
    int rc = new_tokenizer(ctx, out);
    if (rc)
        return rc;
    opa_text start = bytes;
    if (start.size >= 3 && memcmp(start.data, "\xEF\xBB\xBF", 3) == 0)
        start = (opa_text){start.data + 3, start.size - 3};
    while (start.size && strchr(" \t\r\n", start.data[0]) && start.data[0])
        start = (opa_text){start.data + 1, start.size - 1};
    /* A ModelProto begins with the key of its first piece, 0x0A, which may be white space; JSON goes on with a brace.
     */
    if (start.size && start.data[0] == '{')
        rc = opa_hf_load(ctx, *out, bytes);
    else if (bytes.size && bytes.data[0] == 0x0A)
        rc = opa_spm_load(ctx, *out, bytes);
    else
        rc = opa_fail(ctx, OPA_EDATA, "neither a tokenizer.json nor a SentencePiece model");
    if (rc) {
        opa_tokenizer_free(*out);
        *out = NULL;
        return rc;
    }
    find_eos(*out);
    return OPA_OK;
}

int opa_tokenizer_words(opa_context *ctx, opa_tokenizer **out)
{
    const int rc = new_tokenizer(ctx, out);
    if (rc)
        return rc;
    uint8_t digest[32];
    /* The name stands for the rules of text/words.c. */
    static const char rules[] = "opapairs words 1";
    (*out)->type = OPA_TYPE_WORDS;
    opa_sha256_of(digest, rules, sizeof(rules) - 1);
    opa_hex((*out)->fingerprint, digest, 32);
    return OPA_OK;
}

/* The whole file; OPA_ENOENT without a message when there is none and @p optional. */
static int read_file(opa_context *ctx, opa_buffer *out, const char *path, bool optional)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        const int status = errno == ENOENT || errno == ENOTDIR ? OPA_ENOENT : OPA_EIO;
        return optional && status == OPA_ENOENT ? status : opa_fail(ctx, status, "%s: %s", path, strerror(errno));
    }
    int rc = OPA_OK;
    size_t n = 1;
    while (rc == OPA_OK && n > 0) {
        if (!opa_buffer_reserve(out, (size_t)1 << 16)) {
            rc = opa_fail_memory(ctx);
            break;
        }
        n = fread(out->data + out->size, 1, out->capacity - out->size - 1, f);
        out->size += n;
        if (out->size > FILE_MAX)
            rc = opa_fail(ctx, OPA_EDATA, "%s: too large for a tokenizer", path);
    }
    if (rc == OPA_OK && ferror(f))
        rc = opa_fail(ctx, OPA_EIO, "%s: %s", path, strerror(errno));
    fclose(f);
    return rc;
}

/* "eos_token" of @p folder's tokenizer_config.json: a text, or {"content": text}. A bad file is no reason to fail. */
static int read_config(opa_context *ctx, opa_tokenizer *tok, opa_text folder)
{
    opa_buffer path = {0}, bytes = {0};
    opa_json *doc = NULL;
    opa_buffer_add_text(&path, folder);
    opa_buffer_add_string(&path, "tokenizer_config.json");
    int rc = path.failed ? opa_fail_memory(ctx) : read_file(ctx, &bytes, path.data, true);
    if (rc == OPA_OK)
        rc = opa_json_parse(ctx, &doc, opa_buffer_text(&bytes), NULL, NULL);
    if (rc == OPA_OK) {
        const struct cJSON *eos = opa_json_get(opa_json_root(doc), "eos_token");
        opa_text name;
        if (!eos || (!opa_json_text(doc, eos, &name) && !opa_json_text(doc, opa_json_get(eos, "content"), &name)))
            name = (opa_text){0};
        const int32_t id = name.data ? opa_vocab_find(&tok->pieces, name) : -1;
        if (id >= 0)
            tok->eos = id;
        else if (name.data && !(tok->lacked_eos = opa_arena_text(tok->arena, name)).data)
            rc = opa_fail_memory(ctx);
    }
    opa_json_free(doc);
    opa_buffer_release(&bytes);
    opa_buffer_release(&path);
    return rc == OPA_ENOMEM ? rc : OPA_OK;
}

/* One file, with what the tokenizer_config.json beside it says. */
static int open_file(opa_context *ctx, opa_tokenizer **out, const char *path)
{
    opa_buffer bytes = {0};
    int rc = read_file(ctx, &bytes, path, false);
    if (rc == OPA_OK) {
        rc = opa_tokenizer_parse(ctx, out, opa_buffer_text(&bytes));
        if (rc)
            opa_fail_prefix(ctx, path);
    }
    opa_buffer_release(&bytes);
    if (rc)
        return rc;
    const char *slash = strrchr(path, '/');
    rc = read_config(ctx, *out, (opa_text){path, slash ? (size_t)(slash - path) + 1 : 0});
    if (rc) {
        opa_tokenizer_free(*out);
        *out = NULL;
    }
    return rc;
}

int opa_tokenizer_open(opa_context *ctx, opa_tokenizer **out, const char *path)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer.model"};
    struct stat st;
    *out = NULL;
    if (stat(path, &st) != 0)
        return opa_fail(ctx, errno == ENOENT || errno == ENOTDIR ? OPA_ENOENT : OPA_EIO, "%s: %s", path,
                        strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return open_file(ctx, out, path);
    int rc = OPA_ENOENT;
    for (size_t i = 0; rc == OPA_ENOENT && i < sizeof(names) / sizeof(names[0]); i++) {
        opa_buffer file = {0};
        opa_buffer_printf(&file, "%s/%s", path, names[i]);
        if (file.failed)
            rc = opa_fail_memory(ctx);
        else if (stat(file.data, &st) == 0)
            rc = open_file(ctx, out, file.data);
        opa_buffer_release(&file);
    }
    if (rc == OPA_ENOENT)
        return opa_fail(ctx, rc, "%s: there is neither tokenizer.json nor tokenizer.model in this folder", path);
    return rc;
}

const char *opa_tokenizer_kind(const opa_tokenizer *tok)
{
    static const char *const names[] = {"llama-bpe", "byte-bpe", "sentencepiece-bpe", "words"};
    return names[tok->type];
}

const char *opa_tokenizer_fingerprint(const opa_tokenizer *tok)
{
    return tok->fingerprint;
}

size_t opa_tokenizer_size(const opa_tokenizer *tok)
{
    return tok->type == OPA_TYPE_WORDS ? (size_t)1 << 31 : tok->pieces.size;
}

int32_t opa_tokenizer_bos(const opa_tokenizer *tok)
{
    return tok->before_count ? tok->before[0] : -1;
}

int32_t opa_tokenizer_eos(const opa_tokenizer *tok)
{
    return tok->eos;
}

opa_text opa_tokenizer_lacked_eos(const opa_tokenizer *tok)
{
    return tok->lacked_eos;
}

int32_t opa_tokenizer_id(const opa_tokenizer *tok, opa_text piece)
{
    return opa_vocab_find(&tok->pieces, piece);
}

opa_text opa_tokenizer_piece(const opa_tokenizer *tok, int32_t id)
{
    return id >= 0 && (size_t)id < tok->pieces.size ? tok->pieces.pieces[id] : (opa_text){0};
}
