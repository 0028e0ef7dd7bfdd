/* SPDX-License-Identifier: Apache-2.0 */
/** @file detokenize.h
 *  From ids back to text, as Hugging Face's decoders do without special tokens.
 */
#ifndef OPATRAIN_DETOKENIZE_H
#define OPATRAIN_DETOKENIZE_H

#include "trainer.h"

/** The text of @p ids into *out (NUL-terminated, the caller frees it) with its *size: pieces joined, U+2581 (LLaMA) or the
 *  byte alphabet (GPT-2, Qwen2) undone, byte pieces put together, the first space of a LLaMA text taken off. BOS, EOS,
 *  <unk>, <pad>, <image>, <|...|> and ids that the tokenizer has not (rows that only the model has) are left out. Bytes
 *  that are no UTF-8 become U+FFFD, one for each maximal part of a character. OPA_ENOMEM. */
int detokenize(struct trainer *t, char **out, size_t *size, const opa_tokenizer *tokenizer, const int32_t *ids,
               size_t count);

#endif
