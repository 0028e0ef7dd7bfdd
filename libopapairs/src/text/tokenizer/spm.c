/* SPDX-License-Identifier: Apache-2.0 */
/* SentencePiece tokenizer.model: a ModelProto in protobuf's wire format (google/sentencepiece,
 * sentencepiece_model.proto; field numbers are from there). Read are models of type BPE. A merge is allowed where its
 * result is a piece; the piece with the highest score goes first. So every split of a piece in two symbols is a merge,
 * ranked by the piece's score. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "text/tokenizer/model.h"
#include "text/tokenizer/unicode.h"

enum piece_type { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

struct piece {
    opa_text text;
    float score;
    uint32_t type;
};

struct loader {
    opa_context *ctx;
    opa_tokenizer *tok;
    struct piece *pieces;
    size_t count;
    opa_step step;
    opa_text charsmap;
    uint32_t model_type;
    bool suffix_space;
    int32_t bos;
};

/* A longer piece would have more splits than is sensible. */
#define PIECE_MAX 256

/* A field of a message: number, and either a value or bytes. */
struct field {
    uint32_t number, wire;
    uint64_t value;
    opa_text bytes;
};

static bool varint(opa_text *in, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && in->size; shift += 7) {
        const unsigned char byte = (unsigned char)*in->data++;
        in->size--;
        *out |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* The next field of @p in; false: the message is damaged. */
static bool next_field(opa_text *in, struct field *f)
{
    uint64_t key;
    *f = (struct field){0};
    if (!varint(in, &key) || key >> 3 == 0 || key >> 3 > 0x1FFFFFFF)
        return false;
    f->number = (uint32_t)(key >> 3);
    f->wire = key & 7;
    if (f->wire == 0)
        return varint(in, &f->value);
    size_t size = f->wire == 1 ? 8 : f->wire == 5 ? 4 : SIZE_MAX;
    if (f->wire == 2) {
        uint64_t n;
        if (!varint(in, &n) || n > in->size)
            return false;
        size = (size_t)n;
    }
    if (size > in->size)
        return false;
    f->bytes = (opa_text){in->data, size};
    in->data += size;
    in->size -= size;
    if (f->wire == 5)
        for (size_t i = 0; i < 4; i++)
            f->value |= (uint64_t)(unsigned char)f->bytes.data[i] << (8 * i);
    return true;
}

static int damaged(struct loader *l, const char *what)
{
    return opa_fail(l->ctx, OPA_EDATA, "tokenizer.model: bad %s", what);
}

static int unsupported(struct loader *l, const char *what)
{
    return opa_fail(l->ctx, OPA_EUNSUPPORTED, "tokenizer.model: %s is not supported", what);
}

static int read_piece(struct loader *l, opa_text in)
{
    struct piece p = {.text = OPA_TEXT(""), .type = NORMAL};
    struct field f;
    while (in.size) {
        if (!next_field(&in, &f))
            return damaged(l, "piece");
        if (f.number == 1 && f.wire == 2)
            p.text = f.bytes;
        else if (f.number == 2 && f.wire == 5)
            memcpy(&p.score, &(uint32_t){(uint32_t)f.value}, sizeof(p.score));
        else if (f.number == 3 && f.wire == 0)
            p.type = f.value > BYTE ? 0 : (uint32_t)f.value;
    }
    if (!p.text.size || p.score != p.score || !p.type)
        return damaged(l, "piece");
    l->pieces[l->count++] = p;
    return OPA_OK;
}

static int read_trainer(struct loader *l, opa_text in)
{
    struct field f;
    while (in.size) {
        if (!next_field(&in, &f))
            return damaged(l, "trainer_spec");
        if (f.wire != 0)
            continue;
        if (f.number == 3)
            l->model_type = f.value > 4 ? 0 : (uint32_t)f.value;
        else if (f.number == 24)
            l->suffix_space = f.value != 0;
        else if (f.number == 35)
            l->tok->byte_fallback = f.value != 0;
        else if (f.number == 41)
            l->bos = (int32_t)(uint32_t)f.value;
    }
    return OPA_OK;
}

static int read_normalizer(struct loader *l, opa_text in)
{
    struct field f;
    while (in.size) {
        if (!next_field(&in, &f))
            return damaged(l, "normalizer_spec");
        if (f.number == 2 && f.wire == 2)
            l->charsmap = f.bytes;
        else if (f.number == 3 && f.wire == 0)
            l->step.dummy_prefix = f.value != 0;
        else if (f.number == 4 && f.wire == 0)
            l->step.collapse_spaces = f.value != 0;
        else if (f.number == 5 && f.wire == 0)
            l->step.escape_spaces = f.value != 0;
    }
    return OPA_OK;
}

/* The whole message: pieces, the specs. */
static int read_model(struct loader *l, opa_text bytes)
{
    struct field f;
    size_t count = 0;
    for (opa_text in = bytes; in.size;) {
        if (!next_field(&in, &f))
            return damaged(l, "protocol buffer: it is cut, or another kind of file");
        count += f.number == 1 && f.wire == 2;
    }
    if (count == 0 || count > OPA_VOCAB_MAX / 2)
        return damaged(l, "number of pieces");
    l->pieces = calloc(count, sizeof(*l->pieces));
    if (!l->pieces)
        return opa_fail_memory(l->ctx);
    int rc = OPA_OK;
    for (opa_text in = bytes; rc == OPA_OK && in.size && next_field(&in, &f);) {
        if (f.wire != 2)
            continue;
        if (f.number == 1)
            rc = read_piece(l, f.bytes);
        else if (f.number == 2)
            rc = read_trainer(l, f.bytes);
        else if (f.number == 3)
            rc = read_normalizer(l, f.bytes);
    }
    return rc;
}

/* precompiled_charsmap: size of the trie, the trie's units, the texts that they point to; all little-endian. */
static int load_charsmap(struct loader *l)
{
    const unsigned char *data = (const unsigned char *)l->charsmap.data;
    if (!l->charsmap.size)
        return OPA_OK;
    if (l->charsmap.size < 4)
        return damaged(l, "precompiled_charsmap");
    const uint32_t size = data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    if (size % 4 || size > l->charsmap.size - 4)
        return damaged(l, "precompiled_charsmap");
    uint32_t *units = opa_arena_array(l->tok->arena, size / 4 + 1, sizeof(*units));
    const opa_text values =
        opa_arena_text(l->tok->arena, (opa_text){l->charsmap.data + 4 + size, l->charsmap.size - 4 - size});
    if (!units || !values.data)
        return opa_fail_memory(l->ctx);
    for (size_t i = 0; i < size / 4; i++) {
        const unsigned char *u = data + 4 + 4 * i;
        units[i] = u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
    }
    l->step.charsmap = (opa_charsmap){units, size / 4, values};
    return OPA_OK;
}

static int add_piece(struct loader *l, uint32_t id)
{
    opa_tokenizer *tok = l->tok;
    const struct piece *p = &l->pieces[id];
    if (p->type == UNUSED)
        return unsupported(l, "a vocabulary with unused pieces");
    if (opa_wtf8_valid(p->text) != p->text.size)
        return damaged(l, "piece: it is not UTF-8");
    if (opa_vocab_find(&tok->pieces, p->text) >= 0)
        return opa_fail(l->ctx, OPA_EDATA, "tokenizer.model: piece %u is there twice", id);
    if (p->type == UNKNOWN && tok->unknown >= 0)
        return damaged(l, "piece: there are two for what is unknown");
    if (p->type == UNKNOWN)
        tok->unknown = (int32_t)id;
    if (p->type == USER_DEFINED && p->text.size > PIECE_MAX)
        return unsupported(l, "a very long piece");
    if (!opa_vocab_add(&tok->pieces, tok->arena, p->text, id))
        return opa_fail_memory(l->ctx);
    if ((p->type == NORMAL || p->type == USER_DEFINED) && !opa_vocab_add(&tok->symbols, tok->arena, p->text, id))
        return opa_fail_memory(l->ctx);
    if (p->type == USER_DEFINED && !opa_added_put(&tok->keep, p->text, (opa_added_token){.id = (int32_t)id}))
        return opa_fail_memory(l->ctx);
    return OPA_OK;
}

/* Characters of pieces that are no piece get ids behind the pieces: they merge, but are unknown when they are left. */
static int add_characters(struct loader *l, const struct piece *p)
{
    opa_vocab *symbols = &l->tok->symbols;
    for (size_t at = 0; at < p->text.size;) {
        const size_t from = at;
        opa_char_next(p->text.data, p->text.size, &at);
        const opa_text one = {p->text.data + from, at - from};
        if (opa_vocab_find(symbols, one) >= 0)
            continue;
        const size_t id = symbols->size < l->count ? l->count : symbols->size;
        if (id >= OPA_VOCAB_MAX || !opa_vocab_add(symbols, l->tok->arena, one, (uint32_t)id))
            return opa_fail_memory(l->ctx);
    }
    return OPA_OK;
}

static int by_score(const void *a, const void *b)
{
    const struct piece *const *x = a, *const *y = b;
    if ((*x)->score != (*y)->score)
        return (*x)->score > (*y)->score ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

static int add_splits(struct loader *l, const struct piece *p, uint32_t rank)
{
    opa_tokenizer *tok = l->tok;
    const uint32_t made = (uint32_t)(p - l->pieces);
    size_t at = 0;
    opa_char_next(p->text.data, p->text.size, &at);
    if (at < p->text.size && p->text.size > PIECE_MAX)
        return unsupported(l, "a very long piece");
    while (at < p->text.size) {
        const opa_text left = {p->text.data, at}, right = {p->text.data + at, p->text.size - at};
        const int32_t a = opa_vocab_find(&tok->symbols, left), b = opa_vocab_find(&tok->symbols, right);
        if (a >= 0 && b >= 0 &&
            (!opa_pairmap_put(&tok->bpe.merges, (uint32_t)a, (uint32_t)b, rank, made) ||
             !opa_model_join(tok, left, right)))
            return opa_fail_memory(l->ctx);
        opa_char_next(p->text.data, p->text.size, &at);
    }
    return OPA_OK;
}

/* Pieces of one score have one rank: of them the leftmost merges first. */
static int load_merges(struct loader *l)
{
    const struct piece **sorted = malloc(l->count * sizeof(*sorted));
    size_t n = 0;
    uint32_t rank = 0;
    if (!sorted)
        return opa_fail_memory(l->ctx);
    int rc = OPA_OK;
    for (size_t i = 0; rc == OPA_OK && i < l->count; i++) {
        if (l->pieces[i].type != NORMAL && l->pieces[i].type != USER_DEFINED)
            continue;
        sorted[n++] = &l->pieces[i];
        rc = add_characters(l, &l->pieces[i]);
    }
    qsort(sorted, n, sizeof(*sorted), by_score);
    for (size_t i = 0; rc == OPA_OK && i < n; i++) {
        rank += i > 0 && sorted[i]->score != sorted[i - 1]->score;
        rc = add_splits(l, sorted[i], rank);
    }
    free(sorted);
    return rc;
}

static void hash_pieces(opa_sha256 *h, const struct loader *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct piece *p = &l->pieces[i];
        uint32_t score;
        memcpy(&score, &p->score, sizeof(score));
        opa_hash_text(h, p->text);
        opa_hash_number(h, p->type);
        opa_hash_number(h, score);
    }
}

static int load(struct loader *l)
{
    static const char *const types[] = {"a model of unknown type", "a unigram model", "", "a word model",
                                        "a character model"};
    opa_tokenizer *tok = l->tok;
    if (l->model_type != 2)
        return unsupported(l, types[l->model_type]);
    if (l->suffix_space)
        return unsupported(l, "treat_whitespace_as_suffix");
    int rc = load_charsmap(l);
    for (uint32_t id = 0; rc == OPA_OK && id < l->count; id++)
        rc = add_piece(l, id);
    if (rc == OPA_OK && tok->unknown < 0)
        rc = damaged(l, "pieces: there is none for what is unknown");
    if (rc == OPA_OK)
        rc = load_merges(l);
    if (rc)
        return rc;
    tok->steps[tok->step_count++] = l->step;
    opa_model_index(tok);
    for (int b = 0; b < 256; b++) {
        if (tok->bytes[b] >= 0 && l->pieces[tok->bytes[b]].type != BYTE)
            tok->bytes[b] = -1;
        if (tok->bytes[b] < 0 && tok->byte_fallback)
            return damaged(l, "pieces: byte_fallback without all 256 bytes");
    }
    if (l->bos >= 0 && (size_t)l->bos < l->count && l->pieces[l->bos].type == CONTROL)
        tok->before[tok->before_count++] = l->bos;
    return OPA_OK;
}

int opa_spm_load(opa_context *ctx, opa_tokenizer *tok, opa_text bytes)
{
    /* The defaults of the proto. */
    struct loader l = {.ctx = ctx, .tok = tok, .model_type = 1, .bos = 1};
    l.step = (opa_step){
        .kind = OPA_STEP_SENTENCEPIECE, .dummy_prefix = true, .collapse_spaces = true, .escape_spaces = true};
    tok->type = OPA_TYPE_SENTENCEPIECE;
    tok->fuse_unknown = true;
    int rc = read_model(&l, bytes);
    if (rc == OPA_OK)
        rc = load(&l);
    if (rc == OPA_OK) {
        opa_sha256 h;
        uint8_t digest[32];
        opa_sha256_init(&h);
        opa_model_hash(&h, tok);
        hash_pieces(&h, &l);
        opa_sha256_done(digest, &h);
        opa_hex(tok->fingerprint, digest, 32);
    }
    free(l.pieces);
    return rc;
}
