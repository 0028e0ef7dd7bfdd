/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/added.h"

#include <stdlib.h>

#include "text/tokenizer/unicode.h"

bool opa_added_put(opa_added *added, opa_text text, opa_added_token token)
{
    uint32_t node = 0, at = 0;
    for (; at + 1 < text.size; at++) {
        const opa_pair_entry *edge = opa_pairmap_find(&added->edges, node, (unsigned char)text.data[at]);
        if (!edge) {
            if (!opa_pairmap_put(&added->edges, node, (unsigned char)text.data[at], ++added->nodes, 0))
                return false;
            node = added->nodes;
        } else {
            node = edge->x;
        }
    }
    const uint32_t last = (unsigned char)text.data[at];
    const opa_pair_entry *edge = opa_pairmap_find(&added->edges, node, last);
    if (edge && edge->y)
        return true;
    opa_added_token *tokens = realloc(added->tokens, (added->count + 1) * sizeof(*tokens));
    if (!tokens)
        return false;
    added->tokens = tokens;
    token.size = (uint32_t)text.size;
    tokens[added->count++] = token;
    added->first[(unsigned char)text.data[0]] = true;
    return opa_pairmap_put(&added->edges, node, last, edge ? edge->x : ++added->nodes, (uint32_t)added->count);
}

void opa_added_release(opa_added *added)
{
    opa_pairmap_release(&added->edges);
    free(added->tokens);
    *added = (opa_added){0};
}

const opa_added_token *opa_added_longest(const opa_added *added, opa_text text, size_t at)
{
    const opa_added_token *found = NULL;
    uint32_t node = 0;
    for (; at < text.size; at++) {
        const opa_pair_entry *edge = opa_pairmap_find(&added->edges, node, (unsigned char)text.data[at]);
        if (!edge)
            break;
        if (edge->y)
            found = &added->tokens[edge->y - 1];
        node = edge->x;
    }
    return found;
}

/* The begin of the character that ends at @p end > 0. */
static size_t previous(opa_text text, size_t end)
{
    do
        end--;
    while (end > 0 && ((unsigned char)text.data[end] & 0xC0) == 0x80);
    return end;
}

static bool inside_word(opa_text text, size_t begin, size_t end)
{
    if (begin > 0) {
        size_t at = previous(text, begin);
        if (opa_char_is_word(opa_char_next(text.data, text.size, &at)))
            return true;
    }
    return end < text.size && opa_char_is_word(opa_char_next(text.data, text.size, &end));
}

static bool space_at(opa_text text, size_t at, size_t *next)
{
    *next = at;
    return opa_char_class(opa_char_next(text.data, text.size, next)) == OPA_CHAR_SPACE;
}

const opa_added_token *opa_added_next(const opa_added *added, opa_text text, size_t from, size_t *begin, size_t *end)
{
    if (!added->count)
        return NULL;
    for (size_t at = from; at < text.size; at++) {
        if (!added->first[(unsigned char)text.data[at]])
            continue;
        const opa_added_token *t = opa_added_longest(added, text, at);
        if (!t)
            continue;
        *begin = at;
        *end = at + t->size;
        if (t->single_word && inside_word(text, *begin, *end)) {
            /* What overlaps a token that does not count is not looked at again. */
            at = *end - 1;
            continue;
        }
        size_t next;
        while (t->lstrip && *begin > from && space_at(text, previous(text, *begin), &next))
            *begin = previous(text, *begin);
        while (t->rstrip && *end < text.size && space_at(text, *end, &next))
            *end = next;
        return t;
    }
    return NULL;
}
