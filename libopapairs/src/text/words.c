/* SPDX-License-Identifier: Apache-2.0 */
#include "text/words.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

/* What a character does to the words around it. */
enum class {
    SPACE,
    LETTER,   /* letters, digits, '_': run on */
    MARK,     /* runs on, or belongs to the character in front of it */
    UNSPACED, /* a word of its own, from a script written without spaces */
    OTHER,    /* a word of its own */
};

/* One decoded character. Bytes that are none have size 1 and the code NONE. */
struct glyph {
    uint32_t code;
    uint32_t size; /* bytes; 0 at the end of the text */
    enum class class;
};

#define NONE UINT32_MAX

static bool is_unspaced(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } scripts[] = {
        {0x0E00, 0x0EFF},                                       /* Thai, Lao */
        {0x1000, 0x109F},                                       /* Myanmar */
        {0x1780, 0x17FF},                                       /* Khmer */
        {0x2E80, 0x2FDF},                                       /* Han radicals */
        {0x3005, 0x3007},   {0x3021, 0x3029}, {0x3031, 0x303C}, /* Han and kana signs */
        {0x3041, 0x30FF},                                       /* kana */
        {0x31F0, 0x31FF},                                       /* kana extensions */
        {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},                   /* Han */
        {0xA9E0, 0xA9FF},   {0xAA60, 0xAA7F},                   /* Myanmar extended */
        {0xF900, 0xFAFF},                                       /* Han compatibility */
        {0xFF66, 0xFF9F},                                       /* half-width kana */
        {0x1AFF0, 0x1B16F},                                     /* kana supplements */
        {0x20000, 0x3FFFD},                                     /* Han on the supplementary planes */
    };
    if (c < scripts[0].first)
        return false;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
        if (c <= scripts[i].last)
            return c >= scripts[i].first;
    return false;
}

static bool is_plain_letter(uint32_t c)
{
    return (c | 0x20) - 'a' < 26 || c - '0' < 10 || c == '_';
}

static enum class classify(uint32_t c) {
    if (c < 0x80){if (is_plain_letter(c)) return LETTER; return opa_is_space(c) ? SPACE : OTHER;}
if (opa_is_space(c)) return SPACE;
switch (utf8proc_category((utf8proc_int32_t)c)) {
case UTF8PROC_CATEGORY_LU:
case UTF8PROC_CATEGORY_LL:
case UTF8PROC_CATEGORY_LT:
case UTF8PROC_CATEGORY_LM:
case UTF8PROC_CATEGORY_LO:
case UTF8PROC_CATEGORY_ND:
case UTF8PROC_CATEGORY_NL:
case UTF8PROC_CATEGORY_NO:
    return is_unspaced(c) ? UNSPACED : LETTER;
case UTF8PROC_CATEGORY_MN:
case UTF8PROC_CATEGORY_MC:
case UTF8PROC_CATEGORY_ME:
    return MARK;
case UTF8PROC_CATEGORY_CF:
    /* Persian and Indic words have joiners inside; tags end the flags of regions. */
    return c == 0x200C || c == 0x200D || (c >= 0xE0020 && c <= 0xE007F) ? MARK : OTHER;
case UTF8PROC_CATEGORY_CN:
    /* Ideographs that the Unicode version of the library does not know yet. */
    return c >= 0x20000 && is_unspaced(c) ? UNSPACED : OTHER;
default:
    return OTHER;
}
}

static struct glyph glyph_at(opa_text text, size_t at)
{
    struct glyph g = {NONE, 0, OTHER};
    if (at >= text.size)
        return g;
    g.size = (uint32_t)opa_wtf8_decode(&g.code, text.data + at, text.size - at);
    if (g.size == 0)
        return (struct glyph){NONE, 1, OTHER};
    if (g.code >= 0xD800 && g.code <= 0xDFFF)
        return (struct glyph){NONE, g.size, OTHER};
    g.class = classify(g.code);
    return g;
}

/* The end of a run of word characters that goes on at @p at. */
static size_t run_end(opa_text text, size_t at)
{
    for (;;) {
        while (at < text.size && is_plain_letter((unsigned char)text.data[at]))
            at++;
        struct glyph g = glyph_at(text, at);
        if (g.size && (g.class == LETTER || g.class == MARK)) {
            at += g.size;
            continue;
        }
        if (g.size && (g.code == '\'' || g.code == '-' || g.code == 0x2019)) {
            const struct glyph next = glyph_at(text, at + g.size);
            if (next.size && next.class == LETTER) {
                at += g.size + next.size;
                continue;
            }
        }
        return at;
    }
}

/* The end of the grapheme cluster that begins with @p g and goes on at @p at. Letters never belong to it. */
static size_t cluster_end(opa_text text, size_t at, struct glyph g)
{
    utf8proc_int32_t state = 0;
    while (g.code != NONE) {
        const struct glyph next = glyph_at(text, at);
        if (!next.size || next.code == NONE || (next.class != MARK && next.class != OTHER) ||
            utf8proc_grapheme_break_stateful((utf8proc_int32_t)g.code, (utf8proc_int32_t)next.code, &state))
            break;
        at += next.size;
        g = next;
    }
    return at;
}

static bool append(opa_word **words, size_t *count, size_t *capacity, size_t begin, size_t end)
{
    if (*count == *capacity) {
        const size_t more = *capacity * 2;
        opa_word *grown = more <= SIZE_MAX / sizeof(**words) ? realloc(*words, more * sizeof(**words)) : NULL;
        if (!grown)
            return false;
        *words = grown;
        *capacity = more;
    }
    (*words)[(*count)++] = (opa_word){(uint32_t)begin, (uint32_t)end};
    return true;
}

int opa_words_split(opa_word **out, size_t *count, opa_text text)
{
    *out = NULL;
    *count = 0;
    if (text.size >= UINT32_MAX)
        return OPA_EINVAL;
    /* English has a word every five bytes or so. */
    size_t capacity = text.size / 5 + 16;
    opa_word *words = malloc(capacity * sizeof(*words));
    if (!words)
        return OPA_ENOMEM;
    for (size_t at = 0; at < text.size;) {
        const struct glyph g = glyph_at(text, at);
        size_t end = at + g.size;
        if (g.class == LETTER || g.class == MARK)
            end = run_end(text, end);
        else if (g.class != SPACE)
            end = cluster_end(text, end, g);
        if (g.class != SPACE && !append(&words, count, &capacity, at, end)) {
            free(words);
            *count = 0;
            return OPA_ENOMEM;
        }
        at = end;
    }
    *out = words;
    return OPA_OK;
}
