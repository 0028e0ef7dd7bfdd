/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a tokenizer.model. What loads tokenizes the file's own last bytes. */
#include <opapairs/tokenizer.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    opa_context *ctx;
    opa_tokenizer *tok;
    opa_encoder *enc;
    opa_tokens out = {0};
    const size_t tail = size < 200 ? size : 200;
    const opa_text texts[] = {OPA_TEXT("  The  dog\xEF\xBC\xA1 \xFF "), {(const char *)data + size - tail, tail}};
    if (opa_context_new(&ctx) != OPA_OK)
        return 0;
    if (opa_tokenizer_parse(ctx, &tok, (opa_text){(const char *)data, size}) == OPA_OK) {
        for (size_t k = 0; k < 2 && opa_encoder_new(ctx, &enc, tok) == OPA_OK; k++) {
            if (opa_encoder_encode(enc, &out, texts[k], OPA_ENCODE_SPECIAL) == OPA_OK)
                for (size_t i = 0; i < out.count; i++)
                    if (out.begin[i] > out.end[i] || out.end[i] > texts[k].size ||
                        (i > 0 && (out.begin[i] < out.begin[i - 1] || out.end[i] < out.end[i - 1])))
                        abort();
            opa_encoder_free(enc);
        }
        opa_tokenizer_free(tok);
    }
    opa_tokens_release(&out);
    opa_context_free(ctx);
    return 0;
}
