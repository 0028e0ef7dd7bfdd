/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/align.h>

#include "base/utf8.h"

size_t opa_text_chars(opa_text text, size_t bytes)
{
    size_t n = 0;
    if (bytes > text.size)
        bytes = text.size;
    for (size_t i = 0; i < bytes; i++)
        n += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return n;
}

/* Is there a visible byte in [begin, end)? The range may cut characters; a byte belongs to its whole character. */
static bool visible(opa_text text, size_t begin, size_t end)
{
    while (begin > 0 && begin < text.size && ((unsigned char)text.data[begin] & 0xC0) == 0x80)
        begin--;
    while (begin < end) {
        uint32_t c;
        const size_t n = opa_wtf8_decode(&c, text.data + begin, text.size - begin);
        if (n == 0 || !opa_is_space(c))
            return true;
        begin += n;
    }
    return false;
}

static opa_span side_of(const opa_hunk *h, bool revised)
{
    return revised ? h->revised : h->generated;
}

/* The hunk of a token [begin, end), at or behind hunk @p k, which is the one of byte @p begin. */
static size_t hunk_of(const opa_hunk *hunks, size_t count, size_t k, bool revised, opa_text text, size_t begin,
                      size_t end)
{
    for (size_t i = k; i < count; i++) {
        const opa_span s = side_of(&hunks[i], revised);
        if (s.begin >= end)
            break;
        const size_t b = s.begin > begin ? s.begin : begin, e = s.end < end ? s.end : end;
        if (hunks[i].op != OPA_KEEP && b < e && visible(text, b, e))
            return i;
    }
    return k;
}

void opa_align_tokens(opa_span *spans, const opa_hunk *hunks, size_t hunk_count, bool revised_side, opa_text text,
                      const opa_tokens *tokens)
{
    size_t at = 0;  /* the hunk that holds the token's first byte */
    size_t own = 0; /* the hunk that spans[] is filled up to */
    if (hunk_count == 0)
        return;
    spans[0].begin = 0;
    for (size_t t = 0; t < tokens->count; t++) {
        const size_t begin = tokens->begin[t], end = tokens->end[t];
        while (at + 1 < hunk_count && side_of(&hunks[at], revised_side).end <= begin)
            at++;
        size_t k = begin < end ? hunk_of(hunks, hunk_count, at, revised_side, text, begin, end) : at;
        /* Offsets never decrease, so neither do hunks; a tokenizer that broke this rule shall not break the tiling. */
        k = k < own ? own : k;
        for (; own < k; own++) {
            spans[own].end = t;
            spans[own + 1].begin = t;
        }
    }
    spans[own].end = tokens->count;
    while (++own < hunk_count)
        spans[own] = (opa_span){tokens->count, tokens->count};
}
