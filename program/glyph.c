/* SPDX-License-Identifier: Apache-2.0 */
#include "glyph.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum {
    /* A text may put any number of marks on a letter; the rest counts as the next glyph. The longest emoji have 12
     * columns in the sum of their parts. */
    MAX_BYTES = 128,
    MAX_COLUMNS = 16,
    EMOJI_STYLE = 0xFE0F, /* variation selector 16: drawn as an emoji, in two columns where the terminal knows it */
};

/* Decode one character; a lone surrogate is one, and so is a byte that belongs to none (-1). Returns its bytes. */
static size_t decode(int32_t *out, const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] == 0xED && size >= 3 && s[1] >= 0xA0 && s[1] <= 0xBF && (s[2] & 0xC0) == 0x80) {
        *out = 0xD000 | (s[1] & 0x3F) << 6 | (s[2] & 0x3F);
        return 3;
    }
    utf8proc_int32_t c;
    const utf8proc_ssize_t n = utf8proc_iterate(s, size > 4 ? 4 : (utf8proc_ssize_t)size, &c);
    *out = n > 0 ? c : -1;
    return n > 0 ? (size_t)n : 1;
}

static bool is_direction_mark(int32_t c)
{
    return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/* What is shown in place of a character (@p byte where it is none). False: it is shown as it is. */
static bool replace(struct glyph *out, int32_t c, unsigned char byte)
{
    if (c >= 0 && (c < 0x20 || c == 0x7F)) { /* U+2400 CONTROL PICTURES */
        const int picture = c == 0x7F ? 0x2421 : 0x2400 + c;
        out->size = (size_t)utf8proc_encode_char(picture, (utf8proc_uint8_t *)out->shown);
        out->columns = 1;
    } else if (c < 0) {
        out->columns = out->size = (size_t)snprintf(out->shown, sizeof out->shown, "<%02X>", byte);
    } else if ((c >= 0x80 && c < 0xA0) || (c >= 0xD800 && c < 0xE000) || is_direction_mark(c) || c == 0x2028 ||
               c == 0x2029 || c == 0xFEFF) {
        out->columns = out->size = (size_t)snprintf(out->shown, sizeof out->shown, "<U+%04X>", (unsigned)c);
    } else {
        return false;
    }
    out->bytes = out->shown;
    out->most = out->columns;
    return true;
}

static bool is_letter_of_flag(int32_t c)
{
    return c >= 0x1F1E6 && c <= 0x1F1FF;
}

/* Take @p c into the cluster. A mark with a width of its own (Mc) is drawn beside its letter by some. */
static void add(struct glyph *g, int32_t c)
{
    const int width = utf8proc_charwidth(c);
    const size_t columns = width > 0 ? (size_t)width : 0;
    g->columns = c == EMOJI_STYLE && g->columns == 1 ? 2 : columns > g->columns ? columns : g->columns;
    g->most += columns == 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_MC ? 1 : columns;
}

size_t glyph_next(struct glyph *out, const char *s, size_t size)
{
    int32_t last, next, state = 0;
    size_t end = decode(&last, s, size);
    out->code = last;
    if (replace(out, last, (unsigned char)*s))
        return end;
    out->bytes = s;
    out->columns = out->most = 0;
    add(out, last);
    while (end < size && end < MAX_BYTES && out->most < MAX_COLUMNS) {
        if (last < 0x80 && (unsigned char)s[end] < 0x80)
            break; /* most text; the only two ASCII characters that join are CR and LF, which were replaced */
        const size_t n = decode(&next, s + end, size - end);
        if (next < 0 || utf8proc_grapheme_break_stateful(last, next, &state))
            break;
        if (is_letter_of_flag(last) && is_letter_of_flag(next))
            out->columns = 2;
        add(out, next);
        last = next;
        end += n;
    }
    out->size = end;
    out->most = out->most > out->columns ? out->most : out->columns;
    return end;
}

/* As wide as ideographs and kana are. Hangul is, but has spaces between its words. */
static bool breaks(const struct glyph *g)
{
    return g->columns >= 2 && g->code > 0x2E80 && !(g->code >= 0xAC00 && g->code <= 0xD7A3);
}

/* All of ASCII that is neither letter nor digit stays with what is beside it: the marks of an edit with its words. */
static bool is_mark(int32_t c)
{
    return c < 0x80 && !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
}

static bool is_opening(int32_t c)
{
    const utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_PS || category == UTF8PROC_CATEGORY_PI;
}

static bool is_punctuation(int32_t c)
{
    const utf8proc_category_t category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool glyph_may_break(const struct glyph *before, const struct glyph *after)
{
    if ((!breaks(before) && !breaks(after)) || before->code < 0 || after->code < 0 || is_mark(before->code) ||
        is_mark(after->code) || is_opening(before->code))
        return false;
    return is_opening(after->code) || !is_punctuation(after->code);
}

size_t text_width(opa_text text)
{
    size_t columns = 0;
    struct glyph g;
    for (size_t i = 0; i < text.size; columns += g.most)
        i += glyph_next(&g, text.data + i, text.size - i);
    return columns;
}

bool text_exceeds(opa_text text, size_t columns)
{
    enum { MOST_PER_BYTE = 4 }; /* "<FF>" for a byte that belongs to no character */
    return text.size > columns / MOST_PER_BYTE && text_width(text) > columns;
}
