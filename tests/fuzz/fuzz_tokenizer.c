/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a tokenizer.json, a line "----", and a text. What loads must tokenize, with offsets that are in order.
 */
#include <opapairs/tokenizer.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(opa_context *ctx, const opa_tokenizer *tok, opa_text text)
{
    opa_encoder *enc;
    opa_tokens out = {0};
    if (opa_encoder_new(ctx, &enc, tok) != OPA_OK)
        return;
    /* Twice: from the merges, then from the cache. */
    for (int pass = 0; pass < 2; pass++) {
        if (opa_encoder_encode(enc, &out, text, OPA_ENCODE_SPECIAL) != OPA_OK)
            break;
        for (size_t i = 0; i < out.count; i++) {
            const bool ordered = i == 0 || (out.begin[i] >= out.begin[i - 1] && out.end[i] >= out.end[i - 1]);
            if (!ordered || out.begin[i] > out.end[i] || out.end[i] > text.size)
                abort();
        }
    }
    opa_tokens_release(&out);
    opa_encoder_free(enc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    opa_context *ctx;
    opa_tokenizer *tok;
    const opa_text all = {(const char *)data, size};
    const size_t cut = opa_text_find(all, OPA_TEXT("\n----\n"), 0);
    const opa_text file = {all.data, cut == SIZE_MAX ? size : cut};
    const opa_text text =
        cut == SIZE_MAX ? OPA_TEXT(" a  b\xED\xA0\x80") : (opa_text){all.data + cut + 6, size - cut - 6};
    if (opa_context_new(&ctx) != OPA_OK)
        return 0;
    if (opa_tokenizer_parse(ctx, &tok, file) == OPA_OK) {
        encode(ctx, tok, text);
        opa_tokenizer_free(tok);
    }
    opa_context_free(ctx);
    return 0;
}
