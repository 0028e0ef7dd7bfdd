/* SPDX-License-Identifier: Apache-2.0 */
#include "align/fold.h"

#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

/* A character with more marks than this is folded in pieces. */
enum { CLUSTER = 32, EXPANDED = CLUSTER * 18 };

/* The folded bytes as they come. */
typedef struct folding {
    char *text;
    uint32_t *begin;
    size_t size, capacity;
    opa_arena *arena;
    bool failed;
} folding;

static void grow(folding *f, size_t more)
{
    const size_t capacity = (f->capacity + more) * 2;
    char *text = opa_arena_alloc(f->arena, capacity);
    uint32_t *begin = opa_arena_array(f->arena, capacity + 1, sizeof *begin);
    if (!text || !begin) {
        f->failed = true;
        return;
    }
    if (f->size) {
        memcpy(text, f->text, f->size);
        memcpy(begin, f->begin, f->size * sizeof *begin);
    }
    f->text = text;
    f->begin = begin;
    f->capacity = capacity;
}

static void put(folding *f, const char *bytes, size_t size, size_t at)
{
    if (f->capacity - f->size < size)
        grow(f, size);
    if (f->failed)
        return;
    for (size_t i = 0; i < size; i++) {
        f->text[f->size] = bytes[i];
        f->begin[f->size++] = (uint32_t)at;
    }
}

/* The ASCII form of a typographic character, NULL for all others. */
static const char *plain(uint32_t c)
{
    if (c == 0xAB || c == 0xBB || (c >= 0x201C && c <= 0x201F) || c == 0x2033 || c == 0x2036 || c == 0xFF02)
        return "\"";
    if (c == '`' || c == 0xB4 || c == 0x2BC || (c >= 0x2018 && c <= 0x201B) || c == 0x2032 || c == 0x2035 ||
        c == 0x2039 || c == 0x203A || c == 0xFF07)
        return "'";
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFE58 || c == 0xFE63 || c == 0xFF0D)
        return "-";
    return c == 0x2026 ? "..." : NULL;
}

/* Does a character belong to the one before it, for composition? Marks, and the later letters of a Hangul syllable. */
static bool continues(uint32_t c)
{
    if (c < 0x300 || (c >= 0xD800 && c <= 0xDFFF))
        return false;
    if (c >= 0x1160 && c <= 0x11FF)
        return true;
    const utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME;
}

/* Normalise and case-fold one cluster. */
static void put_cluster(folding *f, const uint32_t *c, size_t count, unsigned flags, size_t at)
{
    utf8proc_int32_t wide[EXPANDED];
    utf8proc_ssize_t n = 0;
    const bool nfc = flags & OPA_FOLD_NORMALIZED;
    const int options = (nfc ? UTF8PROC_DECOMPOSE : 0) | (flags & OPA_FOLD_CASE ? UTF8PROC_CASEFOLD : 0);
    int last_class = 0;
    for (size_t i = 0; i < count; i++) {
        const bool surrogate = c[i] >= 0xD800 && c[i] <= 0xDFFF;
        const utf8proc_ssize_t k = surrogate || !options ? -1
                                                         : utf8proc_decompose_char((utf8proc_int32_t)c[i], wide + n,
                                                                                   EXPANDED - n, options, &last_class);
        if (k >= 0 && n + k <= EXPANDED)
            n += k;
        else if (n < EXPANDED)
            wide[n++] = (utf8proc_int32_t)c[i];
    }
    const bool surrogate = count == 1 && c[0] >= 0xD800 && c[0] <= 0xDFFF;
    if (nfc && !surrogate)
        n = utf8proc_normalize_utf32(wide, n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        char bytes[4];
        put(f, bytes, opa_wtf8_encode(bytes, (uint32_t)wide[i]), at);
    }
}

/* Fold the cluster at @p at that is neither ASCII nor white space; returns where it ends. */
static size_t fold_cluster(folding *f, opa_text text, size_t at, uint32_t first, size_t width, unsigned flags)
{
    uint32_t c[CLUSTER] = {first};
    size_t count = 1, end = at + width;
    const char *ascii = flags & OPA_FOLD_QUOTES ? plain(first) : NULL;
    if (ascii && strlen(ascii) > 1) {
        put(f, ascii, strlen(ascii), at);
        return end;
    }
    if (ascii)
        c[0] = (unsigned char)ascii[0];
    uint32_t next;
    size_t n;
    while (count < CLUSTER && (n = opa_wtf8_decode(&next, text.data + end, text.size - end)) > 0 && continues(next)) {
        c[count++] = next;
        end += n;
    }
    put_cluster(f, c, count, flags, at);
    return end;
}

static size_t skip_space(opa_text text, size_t at)
{
    uint32_t c;
    size_t n;
    while ((n = opa_wtf8_decode(&c, text.data + at, text.size - at)) > 0 && opa_is_space(c))
        at += n;
    return at;
}

bool opa_fold(opa_arena *arena, opa_folded *out, opa_text text, unsigned flags)
{
    folding f = {.arena = arena};
    grow(&f, text.size / 2 + 16);
    for (size_t i = 0; i < text.size && !f.failed;) {
        const unsigned char u = (unsigned char)text.data[i];
        /* An ASCII character that no mark follows is most of a text. */
        if (u > ' ' && u < 0x7F && u != '`' && (i + 1 == text.size || (unsigned char)text.data[i + 1] < 0x80)) {
            const char low = flags & OPA_FOLD_CASE && u >= 'A' && u <= 'Z' ? (char)(u + 32) : (char)u;
            put(&f, &low, 1, i++);
            continue;
        }
        uint32_t c;
        const size_t n = opa_wtf8_decode(&c, text.data + i, text.size - i);
        if (n > 0 && opa_is_space(c) && flags & OPA_FOLD_SPACE) {
            put(&f, " ", 1, i);
            i = skip_space(text, i);
        } else if (n > 0) {
            i = fold_cluster(&f, text, i, c, n, flags);
        } else {
            put(&f, text.data + i, 1, i);
            i++;
        }
    }
    if (f.failed)
        return false;
    f.begin[f.size] = (uint32_t)text.size;
    *out = (opa_folded){{f.text, f.size}, f.begin};
    return true;
}

bool opa_folded_border(const opa_folded *f, size_t at)
{
    return at == 0 || at == f->text.size || f->begin[at] != f->begin[at - 1];
}

unsigned opa_fold_needed(opa_arena *arena, opa_text a, opa_text b)
{
    unsigned needed = OPA_FOLD_ALL;
    for (unsigned flag = OPA_FOLD_CASE; flag; flag >>= 1) {
        opa_folded x, y;
        if (opa_fold(arena, &x, a, needed & ~flag) && opa_fold(arena, &y, b, needed & ~flag) &&
            opa_text_equal(x.text, y.text))
            needed &= ~flag;
    }
    return needed;
}
