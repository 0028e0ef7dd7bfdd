/* SPDX-License-Identifier: Apache-2.0 */
/** @file names.h
 *  The spellings of tensors and modules. A key is a part of the model (by its prefix) and a rest that all layouts share:
 *  "language_model.model." (llava-hf on the hub), "model.language_model." (transformers 4.52 and later) and "model."
 *  (LLaMA, Qwen2, original LLaVA) all lead to the same "layers.0.self_attn.q_proj.weight". Adapters use the same prefixes.
 */
#ifndef OPATRAIN_MODEL_NAMES_H
#define OPATRAIN_MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum part { PART_TEXT, PART_HEAD, PART_PROJECTOR, PART_VISION, PART_NEWLINE, PART_COUNT };

struct name {
    enum part part;
    const char *rest;   /**< into the key, except the projector's, whose spellings differ: "linear_1.weight" */
    const char *prefix; /**< the spelling that was met; static storage */
};

/** "the language model", "the vision tower" ... Static storage. */
const char *part_name(enum part part);

/** What a key means. false: nothing that a model of these families has. */
bool name_parse(struct name *out, const char *key);

/** How an adapter's file spells the modules of a model. */
enum spelling {
    SPELLING_HF,     /**< transformers 5, and LLaMA in all of them */
    SPELLING_HF_452, /**< transformers 4.52 to 4.57 */
    SPELLING_HF_451, /**< transformers to 4.51 */
    SPELLING_LLAVA,  /**< original LLaVA */
    SPELLING_TEXT,   /**< a model without a tower */
    SPELLING_COUNT
};
/** "hf-5", "hf-4.52", "hf-4.51", "llava" (a model without a tower has one spelling only). false: none of these. */
bool spelling_parse(enum spelling *out, const char *name);
/** The module's path in the model, e.g. "model.language_model.layers.0.self_attn.q_proj". false: it does not fit. */
bool name_spell(char *out, size_t size, enum spelling spelling, enum part part, const char *rest);
/** What stands before the rest of a part's modules. Static storage. */
const char *name_prefix(enum spelling spelling, enum part part);

/** May a checkpoint hold this tensor, though no forward pass reads it? (rotary buffers, CLIP's text side, what lies behind
 *  the feature layer). */
bool name_is_idle(const char *key);

#endif
