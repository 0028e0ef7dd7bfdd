/* SPDX-License-Identifier: Apache-2.0 */
#include "conversation.h"

#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

/* ---- templates ---- */

static const struct builtin {
    const char *name, *before, *after, *stop;
} builtins[] = {
    {"vicuna_v1",
     "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
     "and polite answers to the user's questions. USER: ",
     " ASSISTANT:", NULL},
    {"llava_hf", "USER: ", " ASSISTANT:", NULL},
    {"qwen", "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
     "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"},
    {"onevision_hf", "<|im_start|>user ", "<|im_end|><|im_start|>assistant\n", "<|im_end|>"},
    {"chatml", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"},
    {"plain", "", "", NULL},
};

static int set(struct trainer *t, struct conversation *out, const char *name, const char *before, const char *after,
               const char *stop)
{
    *out = (struct conversation){strdup(name), before ? strdup(before) : NULL, after ? strdup(after) : NULL,
                                 stop ? strdup(stop) : NULL};
    if (out->name != NULL && out->before != NULL && out->after != NULL && (stop == NULL || out->stop != NULL))
        return OPA_OK;
    conversation_release(out);
    return trainer_fail_memory(t);
}

/* A misspelt "stop" would let answers run on. */
static void refuse_others(struct fields *f)
{
    static const char *const known[] = {"name", "before", "after", "stop"};
    for (const struct cJSON *member = json_first(f->object); member != NULL; member = json_next(member)) {
        const opa_text key = opa_json_key(f->doc, member);
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            is_known = is_known || text_is(key, known[i]);
        if (!is_known)
            fields_fail(f, OPA_EDATA, "'%.*s': a template has before, after, stop and name",
                        (int)(key.size < 60 ? key.size : 60), key.data);
    }
}

int conversation_parse(struct trainer *t, struct conversation *out, opa_text bytes, const char *name)
{
    struct json_file file;
    *out = (struct conversation){0};
    int status = json_file_parse(t, &file, bytes, name);
    if (status != OPA_OK)
        return status;
    struct fields f = json_file_fields(t, &file, name);
    if (!fields_has(&f, "before") || !fields_has(&f, "after"))
        fields_fail(&f, OPA_EDATA, "a template has the texts before and after");
    refuse_others(&f);
    *out = (struct conversation){json_strdup(fields_text(&f, "name", name)), json_strdup(fields_text(&f, "before", "")),
                                 json_strdup(fields_text(&f, "after", "")), json_strdup(fields_text(&f, "stop", NULL))};
    if (out->name == NULL || out->before == NULL || out->after == NULL)
        fields_fail(&f, OPA_ENOMEM, "out of memory");
    status = f.status;
    json_file_release(&file);
    if (status != OPA_OK)
        conversation_release(out);
    return status;
}

int conversation_open(struct trainer *t, struct conversation *out, const char *name)
{
    struct mapped map;
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++) {
        if (strcmp(builtins[i].name, name) == 0)
            return set(t, out, name, builtins[i].before, builtins[i].after, builtins[i].stop);
    }
    *out = (struct conversation){0};
    int status = mapped_open(t, &map, name);
    if (status == OPA_ENOENT)
        return trainer_fail(
            t, OPA_ENOENT, "%s: neither a file nor a template (vicuna_v1, llava_hf, qwen, onevision_hf, chatml, plain)",
            name);
    if (status == OPA_OK)
        status = conversation_parse(t, out, (opa_text){(const char *)map.data, map.size}, name);
    mapped_release(&map);
    return status;
}

void conversation_release(struct conversation *c)
{
    free(c->name);
    free(c->before);
    free(c->after);
    free(c->stop);
    *c = (struct conversation){0};
}

/* ---- ids ---- */

int ids_add(struct trainer *t, struct ids *ids, int32_t id)
{
    if (ids->count == ids->capacity) {
        const size_t more = ids->capacity ? 2 * ids->capacity : 256;
        int32_t *grown = realloc(ids->data, more * sizeof *grown);
        if (grown == NULL)
            return trainer_fail_memory(t);
        ids->data = grown;
        ids->capacity = more;
    }
    ids->data[ids->count++] = id;
    return OPA_OK;
}

void ids_release(struct ids *ids)
{
    free(ids->data);
    *ids = (struct ids){0};
}

/* ---- prompts ---- */

static const char image_mark[] = "<image>";

int prompter_init(struct trainer *t, struct prompter *out, const struct conversation *conversation,
                  const opa_tokenizer *tokenizer)
{
    *out = (struct prompter){.conversation = conversation, .tokenizer = tokenizer};
    const int status = opa_encoder_new(t->opa, &out->encoder, tokenizer);
    return status == OPA_OK ? OPA_OK : trainer_fail_library(t, status, NULL);
}

void prompter_release(struct prompter *p)
{
    opa_encoder_free(p->encoder);
    opa_tokens_release(&p->tokens);
    free(p->text);
    *p = (struct prompter){0};
}

static size_t find_mark(opa_text text, size_t from)
{
    const size_t n = strlen(image_mark);
    for (size_t i = from; i + n <= text.size; i++) {
        if (memcmp(text.data + i, image_mark, n) == 0)
            return i;
    }
    return text.size;
}

/* How many marks the prompt has must fit what the sample has. */
static int check_marks(struct trainer *t, size_t marks, bool image)
{
    if (marks > 1)
        return trainer_fail(t, OPA_ERECORD, "the prompt has %zu places for images; one image a sample is built in",
                            marks);
    if (marks == 1 && !image)
        return trainer_fail(t, OPA_ERECORD, "the prompt has a place for an image, the sample has none");
    return OPA_OK;
}

/* before + prompt + after in p->text. */
static int compose(struct trainer *t, struct prompter *p, opa_text *out, opa_text prompt, bool image)
{
    size_t marks = 0;
    for (size_t i = find_mark(prompt, 0); i < prompt.size; i = find_mark(prompt, i + strlen(image_mark)))
        marks++;
    const int status = check_marks(t, marks, image);
    if (status != OPA_OK)
        return status;
    const struct conversation *c = p->conversation;
    const char *mark = image && marks == 0 ? "<image>\n" : "";
    const size_t need = strlen(c->before) + strlen(mark) + prompt.size + strlen(c->after) + 1;
    if (need > p->capacity) {
        char *grown = realloc(p->text, need);
        if (grown == NULL)
            return trainer_fail_memory(t);
        p->text = grown;
        p->capacity = need;
    }
    char *at = stpcpy(stpcpy(p->text, c->before), mark);
    memcpy(at, prompt.data, prompt.size);
    at += prompt.size;
    strcpy(at, c->after);
    *out = (opa_text){p->text, need - 1};
    return OPA_OK;
}

/* Ids of one text between images; BOS is kept for the first. */
static int encode_piece(struct trainer *t, struct prompter *p, struct ids *out, opa_text text, bool first)
{
    const int32_t bos = opa_tokenizer_bos(p->tokenizer);
    int status = opa_encoder_encode(p->encoder, &p->tokens, text, OPA_ENCODE_SPECIAL);
    if (status != OPA_OK)
        return trainer_fail_library(t, status, NULL);
    const size_t skip = !first && p->tokens.count > 0 && bos >= 0 && p->tokens.ids[0] == bos;
    for (size_t i = skip; i < p->tokens.count && status == OPA_OK; i++)
        status = ids_add(t, out, p->tokens.ids[i]);
    return status;
}

static int encode_text(struct trainer *t, struct prompter *p, struct ids *out, opa_text text, bool image)
{
    const size_t place = image ? find_mark(text, 0) : text.size;
    int status = encode_piece(t, p, out, (opa_text){text.data, place}, true);
    if (place == text.size || status != OPA_OK)
        return status;
    const size_t behind = place + strlen(image_mark);
    status = ids_add(t, out, TREE_IMAGE);
    return status == OPA_OK ? encode_piece(t, p, out, (opa_text){text.data + behind, text.size - behind}, false)
                            : status;
}

int prompter_encode(struct trainer *t, struct prompter *p, struct ids *out, opa_text prompt, bool image,
                    enum context context)
{
    const int32_t bos = opa_tokenizer_bos(p->tokenizer),
                  space = opa_tokenizer_id(p->tokenizer, OPA_TEXT("\xE2\x96\x81"));
    const bool release = context == CONTEXT_RELEASE;
    opa_text text = {0};
    out->count = 0;
    if (release && (bos < 0 || space < 0))
        return trainer_fail(t, OPA_EDATA, "--context release needs LLaMA's tokenizer (BOS and U+2581 as pieces)");
    int status = compose(t, p, &text, prompt, image);
    if (status == OPA_OK && release)
        status = ids_add(t, out, bos);
    if (status == OPA_OK)
        status = encode_text(t, p, out, text, image);
    if (status == OPA_OK && release)
        status = ids_add(t, out, space);
    return status;
}
