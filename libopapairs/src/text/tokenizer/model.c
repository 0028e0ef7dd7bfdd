/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/model.h"

#include <stdio.h>
#include <string.h>

#include "text/tokenizer/unicode.h"

uint32_t opa_byte_char(unsigned char byte)
{
    uint32_t above = 0x100;
    for (unsigned b = 0; b <= byte; b++) {
        const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
        if (b == byte)
            return printable ? b : above;
        above += !printable;
    }
    return above;
}

void opa_model_index(opa_tokenizer *tok)
{
    for (int c = 0; c < 128; c++) {
        const char one = (char)c;
        tok->ascii[c] = opa_model_symbol(tok, (opa_text){&one, 1});
    }
    for (int b = 0; b < 256; b++) {
        char text[8];
        if (tok->type == OPA_TYPE_BYTE) {
            const size_t n = opa_wtf8_encode(text, opa_byte_char((unsigned char)b));
            tok->bytes[b] = opa_vocab_find(&tok->pieces, (opa_text){text, n});
        } else {
            snprintf(text, sizeof(text), "<0x%02X>", b);
            tok->bytes[b] = opa_vocab_find(&tok->pieces, (opa_text){text, 6});
        }
    }
}

bool opa_model_join(opa_tokenizer *tok, opa_text left, opa_text right)
{
    if (tok->type == OPA_TYPE_BYTE || !left.size || !right.size)
        return true;
    size_t last = left.size - 1, first = 0;
    while (last > 0 && ((unsigned char)left.data[last] & 0xC0) == 0x80)
        last--;
    const uint32_t a = opa_char_next(left.data, left.size, &last);
    return opa_bpe_join(&tok->bpe, a, opa_char_next(right.data, right.size, &first));
}

void opa_hash_number(opa_sha256 *h, uint32_t n)
{
    const uint8_t bytes[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    opa_sha256_add(h, bytes, 4);
}

void opa_hash_text(opa_sha256 *h, opa_text text)
{
    opa_hash_number(h, (uint32_t)text.size);
    if (text.size)
        opa_sha256_add(h, text.data, text.size);
}

static void hash_step(opa_sha256 *h, const opa_step *step)
{
    opa_hash_number(h, (uint32_t)step->kind);
    opa_hash_text(h, step->pattern);
    opa_hash_text(h, step->content);
    opa_hash_number(h, (uint32_t)step->dummy_prefix | (uint32_t)step->collapse_spaces << 1 |
                           (uint32_t)step->escape_spaces << 2);
    opa_hash_number(h, (uint32_t)step->charsmap.unit_count);
    for (size_t i = 0; i < step->charsmap.unit_count; i++)
        opa_hash_number(h, step->charsmap.units[i]);
    opa_hash_text(h, step->charsmap.values);
}

void opa_model_hash(opa_sha256 *h, const opa_tokenizer *tok)
{
    opa_hash_number(h, (uint32_t)tok->type);
    opa_hash_number(h, (uint32_t)tok->step_count);
    for (size_t i = 0; i < tok->step_count; i++)
        hash_step(h, &tok->steps[i]);
    opa_hash_number(h, tok->has_prefix);
    if (tok->has_prefix)
        hash_step(h, &tok->prefix);
    opa_hash_number(h, (uint32_t)tok->cut_count);
    for (size_t i = 0; i < tok->cut_count; i++)
        opa_hash_number(h, (uint32_t)tok->cuts[i]);
    opa_hash_number(h, (uint32_t)tok->byte_fallback | (uint32_t)tok->fuse_unknown << 1 |
                           (uint32_t)tok->ignore_merges << 2);
    opa_hash_number(h, (uint32_t)tok->unknown);
    for (int b = 0; b < 256; b++)
        opa_hash_number(h, (uint32_t)tok->bytes[b]);
}
