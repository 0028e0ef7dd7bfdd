/* SPDX-License-Identifier: Apache-2.0 */
/** @file conversation.h
 *  From a prompt to the ids that a model was trained to see. A template is the text before and behind the prompt; built in
 *  are vicuna_v1 (LLaVA-1.5), llava_hf, qwen (OneVision), onevision_hf, chatml and plain, and a JSON file may hold another
 *  (schemas/template.schema.json).
 */
#ifndef OPATRAIN_CONVERSATION_H
#define OPATRAIN_CONVERSATION_H

#include "trainer.h"
#include "tree.h"

struct conversation {
    char *name;
    char *before, *after; /**< around the prompt; a response follows after */
    char *stop;           /**< a piece that ends a response beside EOS; NULL */
};

/** A built-in template by name, else the file of that path. OPA_ENOENT; OPA_EDATA. Release with conversation_release(). */
int conversation_open(struct trainer *t, struct conversation *out, const char *name_or_path);
int conversation_parse(struct trainer *t, struct conversation *out, opa_text bytes, const char *name);
void conversation_release(struct conversation *conversation);

/** In which context a response is scored. */
enum context {
    CONTEXT_SFT,     /**< as in training and inference: the canonical prompt, then the response */
    CONTEXT_RELEASE, /**< the released DPO code's: BOS, canonical prompt, U+2581, BOS, response (spec, 0.6) */
};

/** A growing list of ids; {0} is empty. */
struct ids {
    int32_t *data;
    size_t count, capacity;
};
int ids_add(struct trainer *t, struct ids *ids, int32_t id);
void ids_release(struct ids *ids);

/** What opens a prompt, made once for a tokenizer. */
struct prompter {
    const struct conversation *conversation;
    const opa_tokenizer *tokenizer;
    opa_encoder *encoder;
    opa_tokens tokens;
    char *text; /* the whole text */
    size_t capacity;
};
int prompter_init(struct trainer *t, struct prompter *out, const struct conversation *conversation,
                  const opa_tokenizer *tokenizer);
void prompter_release(struct prompter *prompter);

/** Ids of the whole prompt into *out (what it held is replaced). "<image>" becomes TREE_IMAGE; where @p image is set and the
 *  prompt has none it comes first, followed by a line break. Texts around images are cut into tokens each on its own, as
 *  LLaVA does. OPA_ERECORD: more than one image, or one without an image, or CONTEXT_RELEASE with a tokenizer that has no
 *  U+2581. */
int prompter_encode(struct trainer *t, struct prompter *prompter, struct ids *out, opa_text prompt, bool image,
                    enum context context);

#endif
