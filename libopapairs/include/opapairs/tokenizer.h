/* SPDX-License-Identifier: Apache-2.0 */
/** @file tokenizer.h
 *  The model's own tokenizer, with byte offsets. Read are Hugging Face's tokenizer.json (LLaMA: BPE with byte fallback;
 *  Qwen2, GPT-2, SmolLM2: byte-level BPE), SentencePiece BPE models (tokenizer.model), and an embedded tokenizer of
 *  Unicode words for when there is no model. Sources: huggingface/tokenizers, google/sentencepiece (formats).
 */
#ifndef OPAPAIRS_TOKENIZER_H
#define OPAPAIRS_TOKENIZER_H

#include <opapairs/base.h>

OPA_BEGIN_DECLS

/** A loaded tokenizer. Immutable: any number of threads may use one, each with an opa_encoder of its own. */
typedef struct opa_tokenizer opa_tokenizer;
/** Scratch memory and a cache of words for one thread. */
typedef struct opa_encoder opa_encoder;

/** Tokens of one text. {0} is empty; released with opa_tokens_release(); reused by each encode. */
typedef struct opa_tokens {
    int32_t *ids;
    uint32_t *begin, *end; /**< bytes of the text that the token stands for; begin == end where it stands for none.
                                begin and end never decrease from one token to the next. */
    size_t count, capacity;
} opa_tokens;
OPA_API void opa_tokens_release(opa_tokens *tokens);

/** Load a tokenizer. @p path is a file (recognised by its content) or a checkpoint folder with tokenizer.json, else
 *  tokenizer.model. OPA_ENOENT, OPA_EIO; OPA_EDATA: damaged; OPA_EUNSUPPORTED: a kind that is not read (named). */
OPA_API int opa_tokenizer_open(opa_context *ctx, opa_tokenizer **out, const char *path);
/** The embedded Unicode words: runs of letters, digits and marks (joined by ' ’ -), every other visible character, and
 *  each character of scripts written without spaces, are a token each; white space is none. An id is the first 31 bits
 *  of the word's FNV-1a hash: stable, but of no model. */
OPA_API int opa_tokenizer_words(opa_context *ctx, opa_tokenizer **out);
/** The same over bytes in memory (for tests and fuzzing). */
OPA_API int opa_tokenizer_parse(opa_context *ctx, opa_tokenizer **out, opa_text bytes);
OPA_API void opa_tokenizer_free(opa_tokenizer *tok);

/** "llama-bpe", "byte-bpe", "sentencepiece-bpe" or "words". Static storage. */
OPA_API const char *opa_tokenizer_kind(const opa_tokenizer *tok);
/** 64 hexadecimal digits: SHA-256 over all that decides how texts without added tokens are cut (normaliser,
 *  pre-tokeniser, pieces with their ids, merges or scores). Two files that cut alike, one of which only adds tokens,
 * have the same; so have LLaMA's tokenizer.json and tokenizer.model only when their rules are the same. Borrowed. */
OPA_API const char *opa_tokenizer_fingerprint(const opa_tokenizer *tok);
/** Number of ids, added tokens included. */
OPA_API size_t opa_tokenizer_size(const opa_tokenizer *tok);
/** Id that is put in front by default, or -1 when none is. */
OPA_API int32_t opa_tokenizer_bos(const opa_tokenizer *tok);
/** Id that ends a response: "eos_token" of the tokenizer_config.json beside the file, else the first of </s>,
 *  <|im_end|>, <|endoftext|> that it has, else -1. */
OPA_API int32_t opa_tokenizer_eos(const opa_tokenizer *tok);
/** The "eos_token" of that file where the tokenizer has no such piece, so that another one was taken; data NULL: none.
 * Borrowed. */
OPA_API opa_text opa_tokenizer_lacked_eos(const opa_tokenizer *tok);
/** The id of a piece (added tokens included), or -1. */
OPA_API int32_t opa_tokenizer_id(const opa_tokenizer *tok, opa_text piece);
/** The piece of an id as the file spells it (▁, Ġ, <0x0A>); data NULL for no such id. Borrowed. */
OPA_API opa_text opa_tokenizer_piece(const opa_tokenizer *tok, int32_t id);

OPA_API int opa_encoder_new(opa_context *ctx, opa_encoder **out, const opa_tokenizer *tok);
OPA_API void opa_encoder_free(opa_encoder *enc);

enum opa_encode_flags {
    OPA_ENCODE_PLAIN = 0,
    OPA_ENCODE_SPECIAL = 1, /**< BOS and the like, as Hugging Face adds them by default */
};
/** Tokens of @p text into *out (what it held is replaced). Added tokens in the text are recognised as Hugging Face
 * does. Lone surrogates and bytes that are no UTF-8 are seen as U+FFFD; offsets stay those of @p text. A text of n
 * bytes takes O(n log n). OPA_ENOMEM; OPA_EDATA for a text over 1 GiB. */
OPA_API int opa_encoder_encode(opa_encoder *enc, opa_tokens *out, opa_text text, unsigned flags);

OPA_END_DECLS
#endif
