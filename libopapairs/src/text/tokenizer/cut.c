/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/cut.h"

#include <string.h>

#include "text/tokenizer/normalize.h"
#include "text/tokenizer/unicode.h"

bool opa_cut_of_regex(enum opa_cut *out, opa_text pattern)
{
    static const struct {
        const char *regex;
        enum opa_cut cut;
    } known[] = {
        {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", OPA_CUT_GPT2},
        {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
         "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+"
         "|\\s+(?!\\S)|\\s+",
         OPA_CUT_QWEN2},
        {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
         "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
         OPA_CUT_LLAMA3},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (opa_text_equal(pattern, (opa_text){known[i].regex, strlen(known[i].regex)})) {
            *out = known[i].cut;
            return true;
        }
    }
    return false;
}

/* The end of the run of characters of class @p class that goes on at @p at; at most @p most of them. */
static size_t run(const char *data, size_t size, size_t at, enum opa_char_class class, size_t most)
{
    while (at < size && most-- > 0) {
        size_t next = at;
        if (opa_char_class(opa_char_next(data, size, &next)) != class)
            break;
        at = next;
    }
    return at;
}

/* 's 't 're 've 'm 'll 'd behind the apostrophe at @p at: the end, or 0. */
static size_t contraction(const char *data, size_t size, size_t at, bool any_case)
{
    const size_t left = size - at;
    const int fold = any_case ? 0x20 : 0;
    if (left < 2)
        return 0;
    const int a = data[at + 1] | fold;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return at + 2;
    /* U+017F is a small s to a pattern that ignores case. */
    if (any_case && left >= 3 && memcmp(data + at + 1, "\xC5\xBF", 2) == 0)
        return at + 3;
    const int b = left < 3 ? 0 : data[at + 2] | fold;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return at + 3;
    return 0;
}

/* \s+(?!\S)|\s+ for the run of white space [at, end): the last one is left to a word behind it, when it is not alone.
 */
static size_t white_space(const char *data, size_t size, size_t at, size_t end)
{
    if (end == size)
        return end;
    size_t last = end - 1;
    while (((unsigned char)data[last] & 0xC0) == 0x80)
        last--;
    return last > at ? last : end;
}

/* The word behind an optional space: letters, digits or others. @p at is that space or the first character. */
static size_t gpt2(const char *data, size_t size, size_t at)
{
    size_t first = at, next;
    if (data[at] == '\'') {
        const size_t end = contraction(data, size, at, false);
        if (end)
            return end;
    }
    if (data[at] == ' ' && at + 1 < size)
        first++;
    next = first;
    const enum opa_char_class class = opa_char_class(opa_char_next(data, size, &next));
    if (class != OPA_CHAR_SPACE)
        return run(data, size, next, class, SIZE_MAX);
    return white_space(data, size, at, run(data, size, at, OPA_CHAR_SPACE, SIZE_MAX));
}

static size_t line_ends(const char *data, size_t size, size_t at)
{
    while (at < size && (data[at] == '\r' || data[at] == '\n'))
        at++;
    return at;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t qwen2_space(const char *data, size_t size, size_t at)
{
    const size_t end = run(data, size, at, OPA_CHAR_SPACE, SIZE_MAX);
    for (size_t i = end; i > at; i--)
        if (data[i - 1] == '\r' || data[i - 1] == '\n')
            return i;
    return white_space(data, size, at, end);
}

static size_t qwen2(const char *data, size_t size, size_t at, size_t digits)
{
    if (data[at] == '\'') {
        const size_t end = contraction(data, size, at, true);
        if (end)
            return end;
    }
    size_t next = at;
    const uint32_t c = opa_char_next(data, size, &next);
    const enum opa_char_class class = opa_char_class(c);
    if (class == OPA_CHAR_LETTER)
        return run(data, size, next, OPA_CHAR_LETTER, SIZE_MAX);
    if (class == OPA_CHAR_NUMBER)
        return run(data, size, next, OPA_CHAR_NUMBER, digits - 1);
    enum opa_char_class then = OPA_CHAR_SPACE;
    size_t after = next;
    if (next < size)
        then = opa_char_class(opa_char_next(data, size, &after));
    if (then == OPA_CHAR_LETTER && c != '\r' && c != '\n')
        return run(data, size, after, OPA_CHAR_LETTER, SIZE_MAX);
    if (class == OPA_CHAR_OTHER)
        return line_ends(data, size, run(data, size, next, OPA_CHAR_OTHER, SIZE_MAX));
    if (c == ' ' && then == OPA_CHAR_OTHER)
        return line_ends(data, size, run(data, size, after, OPA_CHAR_OTHER, SIZE_MAX));
    return qwen2_space(data, size, at);
}

static size_t digits(const char *data, size_t size, size_t at, bool runs)
{
    size_t next = at;
    const bool number = opa_char_class(opa_char_next(data, size, &next)) == OPA_CHAR_NUMBER;
    if (number && !runs)
        return next;
    while (next < size) {
        size_t after = next;
        if ((opa_char_class(opa_char_next(data, size, &after)) == OPA_CHAR_NUMBER) != number)
            break;
        next = after;
    }
    return next;
}

size_t opa_cut_next(enum opa_cut cut, const char *data, size_t size, size_t at)
{
    switch (cut) {
    case OPA_CUT_GPT2:
        return gpt2(data, size, at);
    case OPA_CUT_QWEN2:
        return qwen2(data, size, at, 1);
    case OPA_CUT_LLAMA3:
        return qwen2(data, size, at, 3);
    case OPA_CUT_DIGITS:
        return digits(data, size, at, false);
    case OPA_CUT_DIGIT_RUNS:
        return digits(data, size, at, true);
    case OPA_CUT_METASPACE: {
        const size_t next = opa_text_find((opa_text){data, size}, OPA_TEXT(OPA_META_SPACE), at + 1);
        return next == SIZE_MAX ? size : next;
    }
    }
    return size;
}
