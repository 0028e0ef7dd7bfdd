/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/utf8.h"
#include "text/tokenizer/model.h"
#include "text/tokenizer/unicode.h"
#include "text/tokenizer/word_cache.h"
#include "text/words.h"

struct opa_encoder {
    opa_context *ctx;
    const opa_tokenizer *tok;
    opa_stage clean, prefix, steps[2];
    opa_bpe_scratch scratch;
    opa_symbol *symbols; /* of the unit at work, then its tokens */
    size_t symbol_capacity;
    opa_buffer spelled; /* a word as a byte-level file spells it */
    opa_word_cache *cache;
    opa_tokens *out;
    const uint32_t *group,
        *group_end;    /* of the last group that a token ended inside: where it was, where the group ends */
    bool open_unknown; /* the last token is <unk> and goes on with the next unknown character */
};

void opa_tokens_release(opa_tokens *tokens)
{
    if (!tokens)
        return;
    free(tokens->ids);
    free(tokens->begin);
    free(tokens->end);
    *tokens = (opa_tokens){0};
}

static bool tokens_reserve(opa_tokens *t, size_t more)
{
    if (more <= t->capacity - t->count)
        return true;
    if (more > SIZE_MAX / 16 - t->count)
        return false;
    size_t capacity = t->capacity ? t->capacity * 2 : 256;
    if (capacity < t->count + more)
        capacity = t->count + more;
    int32_t *ids = realloc(t->ids, capacity * sizeof(*ids));
    if (ids)
        t->ids = ids;
    uint32_t *begin = ids ? realloc(t->begin, capacity * sizeof(*begin)) : NULL;
    if (begin)
        t->begin = begin;
    uint32_t *end = begin ? realloc(t->end, capacity * sizeof(*end)) : NULL;
    if (!end)
        return false;
    t->end = end;
    t->capacity = capacity;
    return true;
}

/* Append a token; room was reserved. */
static inline void emit(opa_tokens *t, int32_t id, uint32_t begin, uint32_t end)
{
    t->ids[t->count] = id;
    t->begin[t->count] = begin;
    t->end[t->count++] = end;
}

int opa_encoder_new(opa_context *ctx, opa_encoder **out, const opa_tokenizer *tok)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return opa_fail_memory(ctx);
    (*out)->ctx = ctx;
    (*out)->tok = tok;
    (*out)->cache = opa_word_cache_new();
    if (!(*out)->cache) {
        opa_encoder_free(*out);
        *out = NULL;
        return opa_fail_memory(ctx);
    }
    return OPA_OK;
}

void opa_encoder_free(opa_encoder *enc)
{
    if (!enc)
        return;
    opa_stage_release(&enc->clean);
    opa_stage_release(&enc->prefix);
    opa_stage_release(&enc->steps[0]);
    opa_stage_release(&enc->steps[1]);
    opa_bpe_scratch_release(&enc->scratch);
    opa_buffer_release(&enc->spelled);
    free(enc->symbols);
    opa_word_cache_free(enc->cache);
    free(enc);
}

/* ---- one unit: a word, or a part of one that no merge reaches over ---- */

static bool symbols_reserve(opa_encoder *enc, size_t count)
{
    if (count <= enc->symbol_capacity)
        return true;
    const size_t capacity = count > enc->symbol_capacity * 2 ? count : enc->symbol_capacity * 2;
    opa_symbol *grown = capacity <= SIZE_MAX / sizeof(*grown) ? realloc(enc->symbols, capacity * sizeof(*grown)) : NULL;
    if (!grown)
        return false;
    enc->symbols = grown;
    enc->symbol_capacity = capacity;
    return true;
}

/* True when all bytes of a character that is no piece have pieces of their own. */
static bool falls_back(const opa_tokenizer *tok, const char *data, size_t from, size_t to)
{
    if (!tok->byte_fallback)
        return false;
    for (size_t i = from; i < to; i++)
        if (tok->bytes[(unsigned char)data[i]] < 0)
            return false;
    return true;
}

/* The symbols that a unit begins with. */
static size_t symbols_of(const opa_encoder *enc, const char *word, size_t size)
{
    const opa_tokenizer *tok = enc->tok;
    size_t n = 0;
    if (tok->type == OPA_TYPE_BYTE) {
        for (size_t at = 0; at < size; at++) {
            const int32_t id = tok->bytes[(unsigned char)word[at]];
            if (id >= 0 || tok->unknown >= 0)
                enc->symbols[n++] = (opa_symbol){(uint32_t)id, (uint32_t)at + 1};
        }
        return n;
    }
    const bool leave_out = opa_model_leaves_out(tok);
    for (size_t at = 0; at < size;) {
        const size_t from = at;
        const uint32_t c = opa_char_next(word, size, &at);
        const int32_t id = c < 128 ? tok->ascii[c] : opa_model_symbol(tok, (opa_text){word + from, at - from});
        if (id >= 0 || !leave_out || falls_back(tok, word, from, at))
            enc->symbols[n++] = (opa_symbol){(uint32_t)id, (uint32_t)at};
    }
    return n;
}

/* Replace what is no piece in the @p n symbols by bytes or <unk>. The result has at most @p size symbols: it is
 * written from the back of the same array first. Returns how many, at the front. */
static size_t settle(const opa_encoder *enc, const char *word, size_t size, size_t n)
{
    const opa_tokenizer *tok = enc->tok;
    opa_symbol *s = enc->symbols;
    size_t i = 0;
    while (i < n && s[i].id < tok->pieces.size)
        i++;
    if (i == n)
        return n;
    const size_t shift = size - n;
    memmove(s + i + shift, s + i, (n - i) * sizeof(*s));
    size_t made = i;
    uint32_t from = i ? s[i - 1].end : 0;
    bool open = false;
    for (i += shift; i < size; i++) {
        const opa_symbol one = s[i];
        if (one.id < tok->pieces.size) {
            s[made++] = one;
            open = false;
        } else if (falls_back(tok, word, from, one.end)) {
            for (uint32_t b = from; b < one.end; b++)
                s[made++] = (opa_symbol){(uint32_t)tok->bytes[(unsigned char)word[b]], b + 1};
            open = false;
        } else if (open && tok->fuse_unknown) {
            s[made - 1].end = one.end;
        } else {
            s[made++] = (opa_symbol){(uint32_t)tok->unknown, one.end};
            open = true;
        }
        from = one.end;
    }
    return made;
}

/* The id of a whole word for models that look there first. */
static int32_t whole_word(opa_encoder *enc, const char *word, size_t size)
{
    if (enc->tok->type != OPA_TYPE_BYTE)
        return opa_vocab_find(&enc->tok->pieces, (opa_text){word, size});
    opa_buffer_clear(&enc->spelled);
    if (size > enc->tok->pieces.longest)
        return -1;
    for (size_t i = 0; i < size; i++) {
        char c[4];
        opa_buffer_add(&enc->spelled, c, opa_wtf8_encode(c, opa_byte_char((unsigned char)word[i])));
    }
    return enc->spelled.failed ? -1 : opa_vocab_find(&enc->tok->pieces, opa_buffer_text(&enc->spelled));
}

/* Tokens of a unit into enc->symbols; false: out of memory. */
static bool unit_tokens(opa_encoder *enc, size_t *count, const char *word, size_t size)
{
    if (!symbols_reserve(enc, size))
        return false;
    if (enc->tok->ignore_merges) {
        const int32_t id = whole_word(enc, word, size);
        if (id >= 0) {
            enc->symbols[0] = (opa_symbol){(uint32_t)id, (uint32_t)size};
            *count = 1;
            return true;
        }
    }
    *count = symbols_of(enc, word, size);
    if (!opa_bpe_merge(&enc->tok->bpe, &enc->scratch, enc->symbols, count))
        return false;
    *count = settle(enc, word, size, *count);
    return true;
}

/* The original's end of a run that ends before byte @p i of @p v. A group may be as long as the text (a million marks),
 * so where it ends is looked for once only. */
static inline uint32_t end_of(opa_encoder *enc, const opa_view *v, size_t i)
{
    if (!v->at)
        return v->begin + (uint32_t)i;
    const uint32_t *at = v->at + i;
    if (*at & OPA_VIEW_GROUP)
        return *at & ~OPA_VIEW_GROUP;
    if (!enc->group || at < enc->group || at > enc->group_end) {
        enc->group = at;
        while (!(*at & OPA_VIEW_GROUP))
            at++;
        enc->group_end = at;
    }
    return *enc->group_end & ~OPA_VIEW_GROUP;
}

/* Append one token that covers bytes [from, to) of @p v. */
static inline void emit_piece(opa_encoder *enc, const opa_view *v, uint32_t id, size_t from, size_t to)
{
    opa_tokens *out = enc->out;
    const bool unknown = (int32_t)id == enc->tok->unknown && enc->tok->fuse_unknown;
    if (unknown && enc->open_unknown)
        out->end[out->count - 1] = end_of(enc, v, to);
    else
        emit(out, (int32_t)id, opa_view_begin(v, from), end_of(enc, v, to));
    enc->open_unknown = unknown;
}

static int encode_unit(opa_encoder *enc, const opa_view *v, size_t begin, size_t end)
{
    const opa_text word = {v->data + begin, end - begin};
    size_t from = begin, count = 0;
    if (!tokens_reserve(enc->out, word.size))
        return opa_fail_memory(enc->ctx);
    const uint32_t hash = word.size <= OPA_WORD_CACHE_LONGEST ? (uint32_t)opa_hash_bytes(word.data, word.size) : 0;
    opa_word_tokens known;
    if (opa_word_cache_find(enc->cache, &known, word, hash)) {
        for (size_t i = 0; i < known.count; from = begin + known.ends[i++])
            emit_piece(enc, v, (uint32_t)known.ids[i], from, begin + known.ends[i]);
        return OPA_OK;
    }
    if (!unit_tokens(enc, &count, word.data, word.size))
        return opa_fail_memory(enc->ctx);
    opa_word_cache_put(enc->cache, word, hash, enc->symbols, count);
    for (size_t i = 0; i < count; from = begin + enc->symbols[i++].end)
        emit_piece(enc, v, enc->symbols[i].id, from, begin + enc->symbols[i].end);
    return OPA_OK;
}

/* Cut bytes [begin, end) where no merge reaches over, so that most units are in the cache and none is long. */
static int encode_run(opa_encoder *enc, const opa_view *v, size_t begin, size_t end)
{
    const opa_bpe *bpe = &enc->tok->bpe;
    if (!bpe->joins || enc->tok->ignore_merges)
        return begin < end ? encode_unit(enc, v, begin, end) : OPA_OK;
    size_t from = begin, at = begin;
    uint32_t before = at < end ? opa_char_next(v->data, end, &at) : 0;
    while (at < end) {
        const size_t here = at;
        const uint32_t c = opa_char_next(v->data, end, &at);
        if (!opa_bpe_may_join(bpe, before, c)) {
            const int rc = encode_unit(enc, v, from, here);
            if (rc)
                return rc;
            from = here;
        }
        before = c;
    }
    return from < end ? encode_unit(enc, v, from, end) : OPA_OK;
}

/* One word of the pre-tokenizer. Texts that sentencepiece keeps whole are cut out first. */
static int encode_word(opa_encoder *enc, const opa_view *v, size_t begin, size_t end)
{
    const opa_added *keep = &enc->tok->keep;
    enc->open_unknown = false;
    size_t from = begin;
    for (size_t at = begin; keep->count && at < end;) {
        const opa_added_token *t =
            keep->first[(unsigned char)v->data[at]] ? opa_added_longest(keep, (opa_text){v->data, end}, at) : NULL;
        if (!t) {
            opa_char_next(v->data, end, &at);
            continue;
        }
        const int rc = encode_run(enc, v, from, at);
        if (rc)
            return rc;
        if (!tokens_reserve(enc->out, 1))
            return opa_fail_memory(enc->ctx);
        emit_piece(enc, v, (uint32_t)t->id, at, at + t->size);
        from = at += t->size;
    }
    return encode_run(enc, v, from, end);
}

/* ---- from the text to words ---- */

/* Apply the cuts from number @p k on to bytes [begin, end). The depth is at most OPA_MODEL_CUTS. */
static int cut_words(opa_encoder *enc, const opa_view *v, size_t k, size_t begin, size_t end)
{
    if (k == enc->tok->cut_count)
        return encode_word(enc, v, begin, end);
    while (begin < end) {
        const size_t next = opa_cut_next(enc->tok->cuts[k], v->data, end, begin);
        const int rc = cut_words(enc, v, k + 1, begin, next);
        if (rc)
            return rc;
        begin = next;
    }
    return OPA_OK;
}

static int encode_normalized(opa_encoder *enc, opa_view v)
{
    if (enc->tok->has_prefix) {
        enc->group = NULL;
        if (!opa_step_run(&enc->tok->prefix, &enc->prefix, &v, &v, NULL))
            return opa_fail_memory(enc->ctx);
    }
    return v.size ? cut_words(enc, &v, 0, 0, v.size) : OPA_OK;
}

/* Cut @p v at the added tokens of a set, and hand what is between them to @p rest. */
static int cut_added(opa_encoder *enc, const opa_added *added, const opa_view *v,
                     int (*rest)(opa_encoder *enc, opa_view v))
{
    const opa_text text = {v->data, v->size};
    size_t from = 0, begin = 0, end = 0;
    const opa_added_token *t;
    while ((t = opa_added_next(added, text, from, &begin, &end))) {
        int rc = from < begin ? rest(enc, opa_view_slice(v, from, begin)) : OPA_OK;
        if (rc)
            return rc;
        if (!tokens_reserve(enc->out, 1))
            return opa_fail_memory(enc->ctx);
        emit(enc->out, t->id, opa_view_begin(v, begin), end_of(enc, v, end));
        from = end;
    }
    return from < v->size ? rest(enc, opa_view_slice(v, from, v->size)) : OPA_OK;
}

static int encode_raw(opa_encoder *enc, opa_view v)
{
    const opa_tokenizer *tok = enc->tok;
    enc->group = NULL;
    for (size_t i = 0; i < tok->step_count; i++) {
        /* A step that changes nothing leaves the view where it is. */
        opa_stage *stage = &enc->steps[v.data == enc->steps[0].text.data];
        if (!opa_step_run(&tok->steps[i], stage, &v, &v, &tok->keep))
            return opa_fail_memory(enc->ctx);
    }
    return cut_added(enc, &tok->normalized, &v, encode_normalized);
}

/* @p text with U+FFFD for lone surrogates and for bytes that are no UTF-8. */
static bool clean(opa_stage *stage, opa_view *out, opa_text text)
{
    const opa_view in = {text.data, text.size, NULL, 0};
    size_t good = 0, at = 0;
    opa_stage_clear(stage);
    while (at < text.size) {
        uint32_t c;
        if ((unsigned char)text.data[at] < 0x80) {
            at++;
            continue;
        }
        size_t n = opa_utf8_decode(&c, text.data + at, text.size - at);
        if (n == 0) {
            opa_stage_copy(stage, &in, good, at);
            opa_stage_put(stage, "\xEF\xBF\xBD", 3, (uint32_t)at);
            n = opa_wtf8_decode(&c, text.data + at, text.size - at);
            n = n ? n : 1;
            good = at + n;
        }
        at += n;
    }
    *out = in;
    if (good == 0)
        return true;
    opa_stage_copy(stage, &in, good, text.size);
    *out = opa_stage_view(stage, (uint32_t)text.size);
    return !stage->text.failed;
}

/* A word's id: the first 31 bits of its 64-bit FNV-1a hash. */
static int32_t word_id(opa_text word)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < word.size; i++)
        h = (h ^ (unsigned char)word.data[i]) * UINT64_C(0x100000001B3);
    return (int32_t)(h >> 33);
}

static int encode_words(opa_encoder *enc, opa_text text)
{
    opa_word *words;
    size_t count;
    int rc = opa_words_split(&words, &count, text);
    if (rc == OPA_OK && !tokens_reserve(enc->out, count))
        rc = OPA_ENOMEM;
    for (size_t i = 0; rc == OPA_OK && i < count; i++)
        emit(enc->out, word_id((opa_text){text.data + words[i].begin, words[i].end - words[i].begin}), words[i].begin,
             words[i].end);
    free(words);
    return rc ? opa_fail_memory(enc->ctx) : OPA_OK;
}

int opa_encoder_encode(opa_encoder *enc, opa_tokens *out, opa_text text, unsigned flags)
{
    const opa_tokenizer *tok = enc->tok;
    out->count = 0;
    if (text.size > (size_t)1 << 30)
        return opa_fail(enc->ctx, OPA_EDATA, "a text of %zu bytes is too long to tokenize", text.size);
    enc->out = out;
    enc->group = NULL;
    if (!tokens_reserve(out, OPA_MODEL_SPECIALS))
        return opa_fail_memory(enc->ctx);
    for (size_t i = 0; (flags & OPA_ENCODE_SPECIAL) && i < tok->before_count; i++)
        emit(out, tok->before[i], 0, 0);
    int rc = OPA_OK;
    if (tok->type == OPA_TYPE_WORDS) {
        rc = encode_words(enc, text);
    } else if (text.size) {
        opa_view v;
        rc = clean(&enc->clean, &v, text) ? cut_added(enc, &tok->raw, &v, encode_raw) : opa_fail_memory(enc->ctx);
    }
    if (rc == OPA_OK && !tokens_reserve(out, OPA_MODEL_SPECIALS))
        rc = opa_fail_memory(enc->ctx);
    for (size_t i = 0; rc == OPA_OK && (flags & OPA_ENCODE_SPECIAL) && i < tok->after_count; i++)
        emit(out, tok->after[i], (uint32_t)text.size, (uint32_t)text.size);
    if (rc)
        out->count = 0;
    return rc;
}
