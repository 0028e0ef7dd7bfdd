/* SPDX-License-Identifier: Apache-2.0 */
/** @file model.h
 *  What the loaders fill in and the encoder reads: everything a tokenizer file says.
 */
#ifndef OPA_TEXT_TOKENIZER_MODEL_H
#define OPA_TEXT_TOKENIZER_MODEL_H

#include <opapairs/tokenizer.h>

#include "base/sha256.h"
#include "text/tokenizer/added.h"
#include "text/tokenizer/bpe.h"
#include "text/tokenizer/cut.h"
#include "text/tokenizer/normalize.h"
#include "text/tokenizer/vocab.h"

enum opa_tokenizer_type {
    OPA_TYPE_LLAMA,         /**< BPE over characters */
    OPA_TYPE_BYTE,          /**< BPE over bytes */
    OPA_TYPE_SENTENCEPIECE, /**< BPE over characters; kept texts and bytes decided after merging */
    OPA_TYPE_WORDS,
};

#define OPA_MODEL_STEPS 16
#define OPA_MODEL_CUTS 8
#define OPA_MODEL_SPECIALS 16

/** A text goes: added.raw - steps - added.normalized - prefix step - cuts - words - BPE. */
struct opa_tokenizer {
    enum opa_tokenizer_type type;
    opa_arena *arena; /**< texts of all the tables */
    opa_vocab pieces; /**< every id, as the file spells it */

    opa_added raw, normalized; /**< added tokens, looked for before and after the steps */
    opa_step steps[OPA_MODEL_STEPS];
    size_t step_count;
    opa_step prefix; /**< of the pre-tokenizer, on each text between added tokens; see has_prefix */
    bool has_prefix;
    enum opa_cut cuts[OPA_MODEL_CUTS];
    size_t cut_count;

    opa_vocab symbols; /**< sentencepiece: what text may become; its ids from pieces.size on are single characters
                            that are no piece. Else empty: pieces are looked up. */
    opa_added keep;    /**< sentencepiece: user-defined texts, never merged */
    opa_bpe bpe;
    int32_t ascii[128]; /**< id of a character as a symbol, -1 none */
    int32_t bytes[256]; /**< byte-level: id of a byte's symbol; else of its <0xNN> piece; -1 none */
    bool byte_fallback, fuse_unknown, ignore_merges;
    int32_t unknown; /**< -1: what is unknown is left out */

    int32_t before[OPA_MODEL_SPECIALS], after[OPA_MODEL_SPECIALS]; /**< specials around a text */
    size_t before_count, after_count;
    int32_t eos;
    opa_text lacked_eos; /**< in the arena: the config names it, no piece has it */
    char fingerprint[65];
};

/** Load into *tok, which is zeroed apart from type, arena and the -1s. */
int opa_hf_load(opa_context *ctx, opa_tokenizer *tok, opa_text bytes);
int opa_spm_load(opa_context *ctx, opa_tokenizer *tok, opa_text bytes);

/** The character that byte-level files write for a byte (GPT-2's bytes_to_unicode): printable ones themselves, the
 * others U+0100 and up. */
uint32_t opa_byte_char(unsigned char byte);
/** The id that a symbol's text has for the BPE, or -1. */
static inline int32_t opa_model_symbol(const opa_tokenizer *tok, opa_text text)
{
    return opa_vocab_find(tok->type == OPA_TYPE_SENTENCEPIECE ? &tok->symbols : &tok->pieces, text);
}
/** True when characters that are no piece may be left out of a text: their neighbours then merge. */
static inline bool opa_model_leaves_out(const opa_tokenizer *tok)
{
    return tok->unknown < 0;
}
/** Fill ascii[], and bytes[] where they are <0xNN> pieces. */
void opa_model_index(opa_tokenizer *tok);
/** Note that a merge joins two symbols' texts (not for byte-level). false: out of memory. */
bool opa_model_join(opa_tokenizer *tok, opa_text left, opa_text right);
/** Hash what is common to all kinds: type, steps, cuts, flags. Numbers are hashed in little-endian order. */
void opa_model_hash(opa_sha256 *h, const opa_tokenizer *tok);
void opa_hash_number(opa_sha256 *h, uint32_t n);
void opa_hash_text(opa_sha256 *h, opa_text text);

#endif
