/* SPDX-License-Identifier: Apache-2.0 */
#include "json/scan.h"

#include <string.h>

/* The compiler's vectors: 16 bytes at a time on every machine that has such registers, correct on all others. */
typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

static inline bytes16 load(const char *s)
{
    bytes16 v;
    memcpy(&v, s, sizeof v);
    return v;
}

static inline bool any(bytes16 hits)
{
    const words2 w = (words2)hits;
    return (w[0] | w[1]) != 0;
}

/* Index of the first byte that is not zero in hits, of which there is one. */
static inline size_t first(bytes16 hits)
{
    const words2 w = (words2)hits;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return w[0] ? (size_t)__builtin_ctzll(w[0]) / 8 : 8 + (size_t)__builtin_ctzll(w[1]) / 8;
#else
    return w[0] ? (size_t)__builtin_clzll(w[0]) / 8 : 8 + (size_t)__builtin_clzll(w[1]) / 8;
#endif
}

/* As signed numbers, control characters and the bytes above 0x7F are all below 0x20. */
static inline bytes16 special(bytes16 v)
{
    return (bytes16)((v == '"') | (v == '\\') | (v < 0x20));
}

static inline bytes16 ending(bytes16 v)
{
    return (bytes16)((v == '"') | (v == '\\') | (v == '\n'));
}

size_t opa_json_scan_plain(const char *s, size_t size)
{
    size_t i = 0;
    if (size >= 16) { /* among escapes, runs are short */
        const bytes16 hits = special(load(s));
        if (any(hits))
            return first(hits);
    }
    for (; size - i >= 64; i += 64) {
        const bytes16 a = special(load(s + i)), b = special(load(s + i + 16));
        const bytes16 c = special(load(s + i + 32)), d = special(load(s + i + 48));
        if (any(a | b | c | d))
            break;
    }
    for (; size - i >= 16; i += 16) {
        const bytes16 hits = special(load(s + i));
        if (any(hits))
            return i + first(hits);
    }
    while (i < size && s[i] != '"' && s[i] != '\\' && (signed char)s[i] >= 0x20)
        i++;
    return i;
}

size_t opa_json_scan_string(const char *s, size_t size)
{
    size_t i = 0;
    if (size >= 16) { /* among escapes, runs are short */
        const bytes16 hits = ending(load(s));
        if (any(hits))
            return first(hits);
    }
    for (; size - i >= 64; i += 64) {
        const bytes16 a = ending(load(s + i)), b = ending(load(s + i + 16));
        const bytes16 c = ending(load(s + i + 32)), d = ending(load(s + i + 48));
        if (any(a | b | c | d))
            break;
    }
    for (; size - i >= 16; i += 16) {
        const bytes16 hits = ending(load(s + i));
        if (any(hits))
            return i + first(hits);
    }
    while (i < size && s[i] != '"' && s[i] != '\\' && s[i] != '\n')
        i++;
    return i;
}
