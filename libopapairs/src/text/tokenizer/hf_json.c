/* SPDX-License-Identifier: Apache-2.0 */
/* Hugging Face tokenizer.json (format: huggingface/tokenizers, serialization of Tokenizer). Read is what LLaMA, Qwen2,
 * GPT-2, SmolLM2 and LLaMA 3 write; any other normaliser, pre-tokenizer, post-processor or model is refused by name.
 * "truncation" and "padding" are not applied: a text is always tokenized whole. "dropout" is a thing of training. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include <opapairs/json.h>

#include "base/context.h"
#include "base/utf8.h"
#include "text/tokenizer/model.h"

struct loader {
    opa_context *ctx;
    opa_tokenizer *tok;
    opa_json *doc;
    opa_sha256 hash;
    bool byte_level;
    uint8_t *reachable; /* by id: a text without added tokens can be cut into it */
};

static int damaged(struct loader *l, const char *what)
{
    return opa_fail(l->ctx, OPA_EDATA, "tokenizer.json: bad %s", what);
}

static int unsupported(struct loader *l, const char *what, opa_text name)
{
    return opa_fail(l->ctx, OPA_EUNSUPPORTED, "tokenizer.json: %s \"%.*s\" is not supported", what,
                    (int)(name.size < 200 ? name.size : 200), name.data ? name.data : "");
}

static opa_text text_of(const struct loader *l, const cJSON *object, const char *key)
{
    opa_text text = {0};
    const cJSON *value = opa_json_get(object, key);
    if (!value || !opa_json_text(l->doc, value, &text))
        return (opa_text){0};
    return text;
}

static bool flag_of(const cJSON *object, const char *key, bool otherwise)
{
    const cJSON *value = opa_json_get(object, key);
    return cJSON_IsBool(value) ? cJSON_IsTrue(value) : otherwise;
}

static bool is(opa_text text, const char *s)
{
    return text.data && text.size == strlen(s) && memcmp(text.data, s, text.size) == 0;
}

static bool absent(const cJSON *value)
{
    return !value || opa_json_is_null(value);
}

/* A copy that lives as long as the tokenizer; data NULL: out of memory. */
static opa_text keep(struct loader *l, opa_text text)
{
    return opa_arena_text(l->tok->arena, text);
}

/* ---- normaliser ---- */

static int load_normalizer(struct loader *l, const cJSON *object, int depth)
{
    const opa_text type = text_of(l, object, "type");
    opa_step step = {0};
    if (is(type, "Sequence") && depth < 4) {
        const cJSON *list = opa_json_get(object, "normalizers");
        for (const cJSON *one = list ? list->child : NULL; one; one = one->next) {
            const int rc = load_normalizer(l, one, depth + 1);
            if (rc)
                return rc;
        }
        return OPA_OK;
    }
    if (is(type, "NFC")) {
        step.kind = OPA_STEP_NFC;
    } else if (is(type, "Prepend")) {
        step.kind = OPA_STEP_PREPEND;
        step.content = text_of(l, object, "prepend");
    } else if (is(type, "Replace")) {
        step.kind = OPA_STEP_REPLACE;
        const cJSON *pattern = opa_json_get(object, "pattern");
        if (opa_json_get(pattern, "Regex"))
            return unsupported(l, "normalizer Replace with the regular expression", text_of(l, pattern, "Regex"));
        step.pattern = text_of(l, pattern, "String");
        step.content = text_of(l, object, "content");
        if (!step.pattern.size || !step.content.data)
            return damaged(l, "normalizer Replace");
        step.pattern = keep(l, step.pattern);
        if (!step.pattern.data)
            return opa_fail_memory(l->ctx);
    } else {
        return unsupported(l, "normalizer", type);
    }
    if (step.kind == OPA_STEP_PREPEND && !step.content.size)
        return damaged(l, "normalizer Prepend");
    if (step.content.data && !(step.content = keep(l, step.content)).data)
        return opa_fail_memory(l->ctx);
    if (l->tok->step_count == OPA_MODEL_STEPS)
        return damaged(l, "normalizer: too many steps");
    l->tok->steps[l->tok->step_count++] = step;
    return OPA_OK;
}

/* ---- pre-tokenizer ---- */

static int add_cut(struct loader *l, enum opa_cut cut)
{
    if (l->tok->cut_count == OPA_MODEL_CUTS)
        return damaged(l, "pre_tokenizer: too many parts");
    l->tok->cuts[l->tok->cut_count++] = cut;
    return OPA_OK;
}

/* A pre-tokenizer that puts something in front of a text can only be the first. */
static int set_prefix(struct loader *l, enum opa_step_kind kind, opa_text content)
{
    if (l->tok->cut_count || l->tok->has_prefix)
        return unsupported(l, "pre_tokenizer", OPA_TEXT("add_prefix_space behind another pre-tokenizer"));
    l->tok->prefix = (opa_step){.kind = kind, .content = content};
    l->tok->has_prefix = true;
    return OPA_OK;
}

static int load_metaspace(struct loader *l, const cJSON *object)
{
    const opa_text scheme = text_of(l, object, "prepend_scheme");
    opa_tokenizer *tok = l->tok;
    if (!is(text_of(l, object, "replacement"), OPA_META_SPACE))
        return unsupported(l, "Metaspace replacement", text_of(l, object, "replacement"));
    if (tok->cut_count || tok->has_prefix)
        return unsupported(l, "pre_tokenizer", OPA_TEXT("Metaspace behind another pre-tokenizer"));
    const bool never = is(scheme, "never") || !flag_of(object, "add_prefix_space", true);
    if (scheme.data && !is(scheme, "never") && !is(scheme, "first") && !is(scheme, "always"))
        return unsupported(l, "Metaspace prepend_scheme", scheme);
    /* Spaces are replaced between the added tokens only, so this is no step of the normaliser. */
    tok->prefix = (opa_step){.kind = never                 ? OPA_STEP_REPLACE
                                     : is(scheme, "first") ? OPA_STEP_METASPACE_FIRST
                                                           : OPA_STEP_METASPACE,
                             .pattern = OPA_TEXT(" "),
                             .content = OPA_TEXT(OPA_META_SPACE)};
    tok->has_prefix = true;
    return flag_of(object, "split", true) ? add_cut(l, OPA_CUT_METASPACE) : OPA_OK;
}

static int load_split(struct loader *l, const cJSON *object)
{
    const cJSON *pattern = opa_json_get(object, "pattern");
    const opa_text behavior = text_of(l, object, "behavior"), regex = text_of(l, pattern, "Regex");
    const bool invert = flag_of(object, "invert", false);
    enum opa_cut cut;
    if (!regex.data)
        return unsupported(l, "pre_tokenizer Split at the text", text_of(l, pattern, "String"));
    if (!opa_cut_of_regex(&cut, regex))
        return unsupported(l, "pre_tokenizer Split with the regular expression", regex);
    /* These patterns match everything, so that keeping the matches and isolating them are the same. */
    if (!(is(behavior, "Isolated") && !invert) && !(is(behavior, "Removed") && invert))
        return unsupported(l, "pre_tokenizer Split with the behaviour", behavior);
    return add_cut(l, cut);
}

static int load_pre_tokenizer(struct loader *l, const cJSON *object, int depth)
{
    const opa_text type = text_of(l, object, "type");
    if (is(type, "Sequence") && depth < 4) {
        const cJSON *list = opa_json_get(object, "pretokenizers");
        for (const cJSON *one = list ? list->child : NULL; one; one = one->next) {
            const int rc = load_pre_tokenizer(l, one, depth + 1);
            if (rc)
                return rc;
        }
        return OPA_OK;
    }
    if (l->byte_level)
        return unsupported(l, "pre_tokenizer behind ByteLevel", type);
    if (is(type, "Split"))
        return load_split(l, object);
    if (is(type, "Metaspace"))
        return load_metaspace(l, object);
    if (is(type, "Digits"))
        return add_cut(l, flag_of(object, "individual_digits", false) ? OPA_CUT_DIGITS : OPA_CUT_DIGIT_RUNS);
    if (!is(type, "ByteLevel"))
        return unsupported(l, "pre_tokenizer", type);
    l->byte_level = true;
    if (flag_of(object, "add_prefix_space", true)) {
        const int rc = set_prefix(l, OPA_STEP_PREFIX, OPA_TEXT(" "));
        if (rc)
            return rc;
    }
    return flag_of(object, "use_regex", true) ? add_cut(l, OPA_CUT_GPT2) : OPA_OK;
}

/* ---- model ---- */

static int load_vocab(struct loader *l, const cJSON *vocab)
{
    opa_tokenizer *tok = l->tok;
    size_t count = 0;
    if (!cJSON_IsObject(vocab))
        return damaged(l, "model.vocab");
    for (const cJSON *one = vocab->child; one; one = one->next)
        count++;
    if (count > OPA_VOCAB_MAX / 2)
        return damaged(l, "model.vocab: too many pieces");
    if (!opa_vocab_reserve(&tok->pieces, count))
        return opa_fail_memory(l->ctx);
    for (const cJSON *one = vocab->child; one; one = one->next) {
        int64_t id;
        if (!opa_json_integer(l->doc, one, &id) || id < 0 || (uint64_t)id >= count + ((size_t)1 << 20))
            return damaged(l, "id in model.vocab");
        if (opa_vocab_has(&tok->pieces, (uint32_t)id))
            return opa_fail(l->ctx, OPA_EDATA, "tokenizer.json: model.vocab gives id %d twice", (int)id);
        if (!opa_vocab_add(&tok->pieces, tok->arena, opa_json_key(l->doc, one), (uint32_t)id))
            return opa_fail_memory(l->ctx);
    }
    return OPA_OK;
}

/* "a b" or ["a", "b"]. */
static bool merge_of(const struct loader *l, const cJSON *one, opa_text *left, opa_text *right)
{
    if (cJSON_IsArray(one))
        return one->child && one->child->next && !one->child->next->next && opa_json_text(l->doc, one->child, left) &&
               opa_json_text(l->doc, one->child->next, right);
    opa_text both;
    if (!opa_json_text(l->doc, one, &both) || !both.size)
        return false;
    const char *space = memchr(both.data, ' ', both.size);
    if (!space)
        return false;
    *left = (opa_text){both.data, (size_t)(space - both.data)};
    *right = (opa_text){space + 1, both.size - left->size - 1};
    return !memchr(right->data, ' ', right->size);
}

/* One merge; @p joined is scratch memory. */
static int load_merge(struct loader *l, const cJSON *one, uint32_t rank, opa_buffer *joined)
{
    opa_tokenizer *tok = l->tok;
    opa_text left, right;
    if (!merge_of(l, one, &left, &right))
        return opa_fail(l->ctx, OPA_EDATA, "tokenizer.json: merge %u is no pair of pieces", rank);
    opa_buffer_clear(joined);
    opa_buffer_add_text(joined, left);
    opa_buffer_add_text(joined, right);
    if (joined->failed)
        return opa_fail_memory(l->ctx);
    const int32_t a = opa_vocab_find(&tok->pieces, left), b = opa_vocab_find(&tok->pieces, right);
    const int32_t made = opa_vocab_find(&tok->pieces, opa_buffer_text(joined));
    if (a < 0 || b < 0 || made < 0)
        return opa_fail(l->ctx, OPA_EDATA, "tokenizer.json: merge %u has a piece that is not in the vocabulary", rank);
    if (!opa_pairmap_put(&tok->bpe.merges, (uint32_t)a, (uint32_t)b, rank, (uint32_t)made) ||
        !opa_model_join(tok, left, right))
        return opa_fail_memory(l->ctx);
    l->reachable[made] = 1;
    opa_hash_number(&l->hash, (uint32_t)a);
    opa_hash_number(&l->hash, (uint32_t)b);
    return OPA_OK;
}

static int load_merges(struct loader *l, const cJSON *merges)
{
    size_t count = 0;
    uint32_t rank = 0;
    if (!cJSON_IsArray(merges))
        return damaged(l, "model.merges");
    for (const cJSON *one = merges->child; one; one = one->next)
        count++;
    if (count >= UINT32_MAX / 4 || !opa_pairmap_reserve(&l->tok->bpe.merges, count))
        return opa_fail_memory(l->ctx);
    opa_buffer joined = {0};
    int rc = OPA_OK;
    for (const cJSON *one = merges->child; rc == OPA_OK && one; one = one->next)
        rc = load_merge(l, one, rank++, &joined);
    opa_buffer_release(&joined);
    return rc;
}

static int load_model(struct loader *l, const cJSON *model)
{
    opa_tokenizer *tok = l->tok;
    const opa_text type = text_of(l, model, "type");
    if (!cJSON_IsObject(model))
        return damaged(l, "model");
    /* Old files name no type; only a BPE has merges. */
    if (type.data ? !is(type, "BPE") : !opa_json_get(model, "merges"))
        return unsupported(l, "model", type);
    const opa_text prefix = text_of(l, model, "continuing_subword_prefix");
    const opa_text suffix = text_of(l, model, "end_of_word_suffix");
    if (prefix.size || suffix.size)
        return unsupported(l, "continuing_subword_prefix or end_of_word_suffix", prefix.size ? prefix : suffix);
    int rc = load_vocab(l, opa_json_get(model, "vocab"));
    if (rc)
        return rc;
    tok->byte_fallback = flag_of(model, "byte_fallback", false) && tok->type == OPA_TYPE_LLAMA;
    tok->fuse_unknown = flag_of(model, "fuse_unk", false);
    tok->ignore_merges = flag_of(model, "ignore_merges", false);
    opa_model_index(tok);
    const opa_text unknown = text_of(l, model, "unk_token");
    if (unknown.size) {
        tok->unknown = opa_vocab_find(&tok->pieces, unknown);
        if (tok->unknown < 0)
            return damaged(l, "model.unk_token: it is not in the vocabulary");
    }
    l->reachable = opa_arena_alloc(tok->arena, tok->pieces.size + 1);
    if (!l->reachable)
        return opa_fail_memory(l->ctx);
    return load_merges(l, opa_json_get(model, "merges"));
}

/* ---- added tokens ---- */

/* The content as it looks after the normaliser, where added tokens are looked for in normalised text. */
static int put_normalized(struct loader *l, opa_text content, opa_added_token token)
{
    opa_tokenizer *tok = l->tok;
    opa_stage stages[2] = {0};
    opa_view v = {content.data, content.size, NULL, 0};
    bool ok = true;
    for (size_t i = 0; ok && i < tok->step_count; i++)
        ok = opa_step_run(&tok->steps[i], &stages[v.data == stages[0].text.data], &v, &v, NULL);
    if (ok && v.size)
        ok = opa_added_put(&tok->normalized, (opa_text){v.data, v.size}, token);
    opa_stage_release(&stages[0]);
    opa_stage_release(&stages[1]);
    return ok ? OPA_OK : opa_fail_memory(l->ctx);
}

static int load_added_token(struct loader *l, const cJSON *one)
{
    opa_tokenizer *tok = l->tok;
    const opa_text content = text_of(l, one, "content");
    int64_t id;
    if (!content.data || !opa_json_integer(l->doc, opa_json_get(one, "id"), &id) || id < 0 ||
        (uint64_t)id >= OPA_VOCAB_MAX / 4)
        return damaged(l, "added token");
    if (content.size == 0)
        return OPA_OK;
    if (content.size > OPA_ADDED_MAX / 4)
        return unsupported(l, "a very long added token", content);
    int32_t known = opa_vocab_find(&tok->pieces, content);
    if (known < 0) {
        if (opa_vocab_has(&tok->pieces, (uint32_t)id))
            return opa_fail(l->ctx, OPA_EDATA, "tokenizer.json: added token with the id %d of another piece", (int)id);
        if (!opa_vocab_add(&tok->pieces, tok->arena, content, (uint32_t)id))
            return opa_fail_memory(l->ctx);
        known = (int32_t)id;
    }
    const bool special = flag_of(one, "special", false);
    const opa_added_token token = {known, 0, flag_of(one, "single_word", false), flag_of(one, "lstrip", false),
                                   flag_of(one, "rstrip", false)};
    if (flag_of(one, "normalized", !special))
        return put_normalized(l, content, token);
    return opa_added_put(&tok->raw, content, token) ? OPA_OK : opa_fail_memory(l->ctx);
}

/* Special tokens come first: of equal texts the first one counts. */
static int load_added(struct loader *l, const cJSON *list)
{
    for (int special = 1; special >= 0; special--) {
        for (const cJSON *one = cJSON_IsArray(list) ? list->child : NULL; one; one = one->next) {
            const int rc = flag_of(one, "special", false) == special ? load_added_token(l, one) : OPA_OK;
            if (rc)
                return rc;
        }
    }
    return OPA_OK;
}

/* ---- post-processor ---- */

/* Put @p id around what is there: in front or behind. */
static int add_special(struct loader *l, int64_t id, bool behind, size_t place)
{
    opa_tokenizer *tok = l->tok;
    int32_t *list = behind ? tok->after : tok->before;
    size_t *count = behind ? &tok->after_count : &tok->before_count;
    if (id < 0 || id > INT32_MAX)
        return damaged(l, "id in post_processor");
    if (*count == OPA_MODEL_SPECIALS)
        return damaged(l, "post_processor: too many special tokens");
    place = behind ? *count : place;
    memmove(list + place + 1, list + place, (*count - place) * sizeof(*list));
    list[place] = (int32_t)id;
    ++*count;
    return OPA_OK;
}

static int load_template(struct loader *l, const cJSON *object)
{
    const cJSON *single = opa_json_get(object, "single"), *specials = opa_json_get(object, "special_tokens");
    bool behind = false;
    size_t place = 0;
    for (const cJSON *one = cJSON_IsArray(single) ? single->child : NULL; one; one = one->next) {
        if (opa_json_get(one, "Sequence")) {
            if (behind)
                return unsupported(l, "post_processor", OPA_TEXT("TemplateProcessing that repeats the text"));
            behind = true;
            continue;
        }
        const opa_text name = text_of(l, opa_json_get(one, "SpecialToken"), "id");
        const cJSON *special = NULL;
        for (const cJSON *s = cJSON_IsObject(specials) ? specials->child : NULL; s; s = s->next) {
            const opa_text key = opa_json_key(l->doc, s);
            if (name.data && key.size == name.size && memcmp(key.data, name.data, key.size) == 0)
                special = s;
        }
        const cJSON *ids = opa_json_get(special, "ids");
        if (!cJSON_IsArray(ids))
            return damaged(l, "post_processor TemplateProcessing");
        for (const cJSON *n = ids->child; n; n = n->next) {
            int64_t id;
            const int rc = opa_json_integer(l->doc, n, &id) ? add_special(l, id, behind, place++)
                                                            : damaged(l, "id in post_processor");
            if (rc)
                return rc;
        }
    }
    return behind ? OPA_OK : unsupported(l, "post_processor", OPA_TEXT("TemplateProcessing without the text"));
}

/* BertProcessing, RobertaProcessing: "cls" and "sep" are ["<s>", 0]. */
static int load_cls_sep(struct loader *l, const cJSON *object)
{
    for (int behind = 0; behind < 2; behind++) {
        const cJSON *pair = opa_json_get(object, behind ? "sep" : "cls");
        int64_t id;
        if (!cJSON_IsArray(pair) || !pair->child || !opa_json_integer(l->doc, pair->child->next, &id))
            return damaged(l, "post_processor");
        const int rc = add_special(l, id, behind, 0);
        if (rc)
            return rc;
    }
    return OPA_OK;
}

static int load_post_processor(struct loader *l, const cJSON *object, int depth)
{
    const opa_text type = text_of(l, object, "type");
    if (is(type, "ByteLevel"))
        return OPA_OK; /* It trims offsets, nothing else. */
    if (is(type, "TemplateProcessing"))
        return load_template(l, object);
    if (is(type, "BertProcessing") || is(type, "RobertaProcessing"))
        return load_cls_sep(l, object);
    if (!is(type, "Sequence") || depth >= 4)
        return unsupported(l, "post_processor", type);
    const cJSON *list = opa_json_get(object, "processors");
    for (const cJSON *one = cJSON_IsArray(list) ? list->child : NULL; one; one = one->next) {
        const int rc = load_post_processor(l, one, depth + 1);
        if (rc)
            return rc;
    }
    return OPA_OK;
}

/* ---- all of it ---- */

/* Single characters, bytes and <unk> are reachable too. Where whole words are looked up first, everything is that the
 * file does not add. */
static void hash_pieces(struct loader *l, size_t size)
{
    opa_tokenizer *tok = l->tok;
    for (int b = 0; b < 256; b++)
        if (tok->bytes[b] >= 0 && (tok->type == OPA_TYPE_BYTE || tok->byte_fallback))
            l->reachable[tok->bytes[b]] = 1;
    if (tok->unknown >= 0)
        l->reachable[tok->unknown] = 1;
    for (size_t id = 0; id < size; id++) {
        const opa_text piece = tok->pieces.pieces[id];
        if (!piece.data)
            continue;
        const bool one_char =
            tok->type == OPA_TYPE_LLAMA && piece.size && piece.size == opa_utf8_width((unsigned char)piece.data[0]);
        if (!l->reachable[id] && !one_char && !tok->ignore_merges)
            continue;
        opa_hash_number(&l->hash, (uint32_t)id);
        opa_hash_text(&l->hash, piece);
    }
}

/* The ids that byte fallback makes must not merge: they are made after merging here, before it in the original. */
static int check_byte_merges(struct loader *l)
{
    const opa_pairmap *merges = &l->tok->bpe.merges;
    if (!l->tok->byte_fallback)
        return OPA_OK;
    for (size_t i = 0; merges->slots && i <= merges->mask; i++)
        for (int b = 0; merges->slots[i].a != UINT32_MAX && b < 256; b++)
            if ((int32_t)merges->slots[i].a == l->tok->bytes[b] || (int32_t)merges->slots[i].b == l->tok->bytes[b])
                return unsupported(l, "merge of", l->tok->pieces.pieces[l->tok->bytes[b]]);
    return OPA_OK;
}

/* With neighbours that change there is no safe place to cut. Byte fallback with all its bytes leaves nothing out. */
static void check_joins(opa_tokenizer *tok)
{
    bool all = tok->byte_fallback;
    for (int b = 0; b < 256; b++)
        all = all && tok->bytes[b] >= 0;
    if (opa_model_leaves_out(tok) && !all) {
        free(tok->bpe.joins);
        tok->bpe.joins = NULL;
    }
}

static int load(struct loader *l)
{
    const cJSON *root = opa_json_root(l->doc), *part;
    opa_tokenizer *tok = l->tok;
    int rc = OPA_OK;
    if (!absent(part = opa_json_get(root, "normalizer")))
        rc = load_normalizer(l, part, 0);
    if (rc == OPA_OK && !absent(part = opa_json_get(root, "pre_tokenizer")))
        rc = load_pre_tokenizer(l, part, 0);
    tok->type = l->byte_level ? OPA_TYPE_BYTE : OPA_TYPE_LLAMA;
    if (rc == OPA_OK)
        rc = load_model(l, opa_json_get(root, "model"));
    const size_t size = tok->pieces.size;
    if (rc == OPA_OK)
        rc = check_byte_merges(l);
    check_joins(tok);
    if (rc == OPA_OK) {
        opa_model_hash(&l->hash, tok);
        hash_pieces(l, size);
        rc = load_added(l, opa_json_get(root, "added_tokens"));
    }
    if (rc == OPA_OK && !absent(part = opa_json_get(root, "post_processor")))
        rc = load_post_processor(l, part, 0);
    return rc;
}

int opa_hf_load(opa_context *ctx, opa_tokenizer *tok, opa_text bytes)
{
    struct loader l = {.ctx = ctx, .tok = tok};
    opa_sha256_init(&l.hash);
    int rc = opa_json_parse(ctx, &l.doc, bytes, NULL, NULL);
    if (rc == OPA_OK)
        rc = load(&l);
    opa_json_free(l.doc);
    uint8_t digest[32];
    opa_sha256_done(digest, &l.hash);
    opa_hex(tok->fingerprint, digest, 32);
    return rc;
}
