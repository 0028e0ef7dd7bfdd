/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <string.h>
#include <strings.h>

/* The alphabet with the value of each character. Absent characters are 0 in the tables below, so a value carries a flag
 * beside its six bits. */
/* clang-format off */
#define ALPHABET(E) \
    E('A', 0), E('B', 1), E('C', 2), E('D', 3), E('E', 4), E('F', 5), E('G', 6), E('H', 7), E('I', 8), E('J', 9), \
    E('K', 10), E('L', 11), E('M', 12), E('N', 13), E('O', 14), E('P', 15), E('Q', 16), E('R', 17), E('S', 18), \
    E('T', 19), E('U', 20), E('V', 21), E('W', 22), E('X', 23), E('Y', 24), E('Z', 25), E('a', 26), E('b', 27), \
    E('c', 28), E('d', 29), E('e', 30), E('f', 31), E('g', 32), E('h', 33), E('i', 34), E('j', 35), E('k', 36), \
    E('l', 37), E('m', 38), E('n', 39), E('o', 40), E('p', 41), E('q', 42), E('r', 43), E('s', 44), E('t', 45), \
    E('u', 46), E('v', 47), E('w', 48), E('x', 49), E('y', 50), E('z', 51), E('0', 52), E('1', 53), E('2', 54), \
    E('3', 55), E('4', 56), E('5', 57), E('6', 58), E('7', 59), E('8', 60), E('9', 61), E('+', 62), E('/', 63)
/* clang-format on */

/* One table for each place in a group of four characters: its six bits where they belong in the 24, and the flag of
 * that place. Four look-ups and three ORs decode a group; it is sound when all four flags are there. */
#define FIRST(c, v) [c] = (uint32_t)(v) << 18 | 1u << 24
#define SECOND(c, v) [c] = (uint32_t)(v) << 12 | 1u << 25
#define THIRD(c, v) [c] = (uint32_t)(v) << 6 | 1u << 26
#define FOURTH(c, v) [c] = (uint32_t)(v) | 1u << 27
static const uint32_t first[256] = {ALPHABET(FIRST)};
static const uint32_t second[256] = {ALPHABET(SECOND)};
static const uint32_t third[256] = {ALPHABET(THIRD)};
static const uint32_t fourth[256] = {ALPHABET(FOURTH)};
#define FLAGS 0x0F000000u

static inline uint32_t group(const unsigned char *s)
{
    return first[s[0]] | second[s[1]] | third[s[2]] | fourth[s[3]];
}

/* Big-endian; one store on every compiler that matters. */
static inline void put64(uint8_t *out, uint64_t w)
{
    out[0] = (uint8_t)(w >> 56);
    out[1] = (uint8_t)(w >> 48);
    out[2] = (uint8_t)(w >> 40);
    out[3] = (uint8_t)(w >> 32);
    out[4] = (uint8_t)(w >> 24);
    out[5] = (uint8_t)(w >> 16);
    out[6] = (uint8_t)(w >> 8);
    out[7] = (uint8_t)w;
}

/* Decode whole groups of the plain alphabet, at most @p count; returns how many. Writes eight bytes for two groups, so
 * @p out needs 3 * count + 3 bytes. */
static size_t groups(uint8_t *out, const unsigned char *in, size_t count)
{
    size_t i = 0;
    for (; i + 2 <= count; i += 2, in += 8, out += 6) {
        const uint32_t a = group(in), b = group(in + 4);
        if ((a & b & FLAGS) != FLAGS)
            break;
        const uint64_t w = (uint64_t)(a & 0xFFFFFF) << 40 | (uint64_t)(b & 0xFFFFFF) << 16;
        put64(out, w);
    }
    for (; i < count; i++, in += 4, out += 3) {
        const uint32_t a = group(in);
        if ((a & FLAGS) != FLAGS)
            break;
        out[0] = (uint8_t)(a >> 16);
        out[1] = (uint8_t)(a >> 8);
        out[2] = (uint8_t)a;
    }
    return i;
}

/* Length of a "data:image/jpeg;base64," in front, 0 when there is none. */
static size_t data_url(opa_text in)
{
    if (in.size < 5 || strncasecmp(in.data, "data:", 5) != 0)
        return 0;
    const char *comma = memchr(in.data, ',', in.size < 256 ? in.size : 256);
    if (!comma || comma - in.data < 12 || strncasecmp(comma - 7, ";base64", 7) != 0)
        return 0;
    return (size_t)(comma - in.data) + 1;
}

static bool is_white(unsigned char c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0D);
}

/* What is between the fast runs. */
typedef struct rest {
    uint32_t bits;  /* of the characters of an unfinished group */
    unsigned count; /* of these characters, 0 to 3 */
    unsigned pads;  /* '=' seen */
} rest;

static bool take(rest *r, unsigned char c, unsigned *form)
{
    if (is_white(c)) {
        *form |= OPA_BASE64_SPACE;
        return true;
    }
    if (c == '=')
        return ++r->pads <= 2;
    if (c == '-' || c == '_') {
        *form |= OPA_BASE64_URL_SAFE;
        c = c == '-' ? '+' : '/';
    }
    if (!fourth[c] || r->pads)
        return false;
    r->bits = r->bits << 6 | (fourth[c] & 63);
    r->count++;
    return true;
}

/* The last, unfinished group; returns how many bytes it gives, or -1 when it cannot be one. */
static int finish(uint8_t *out, const rest *r, unsigned *form)
{
    if (r->count == 0)
        return r->pads ? -1 : 0;
    if (r->count == 1 || r->pads > 4 - r->count)
        return -1;
    if (r->pads < 4 - r->count)
        *form |= OPA_BASE64_UNPADDED;
    const uint32_t w = r->bits << (6 * (4 - r->count));
    if (w & (r->count == 2 ? 0xFFFFu : 0xFFu))
        *form |= OPA_BASE64_BITS;
    out[0] = (uint8_t)(w >> 16);
    if (r->count == 3)
        out[1] = (uint8_t)(w >> 8);
    return (int)r->count - 1;
}

bool opa_base64_decode(void *out, size_t *out_size, opa_text in, unsigned *form)
{
    uint8_t *to = out;
    const unsigned char *s = (const unsigned char *)in.data;
    unsigned seen = 0;
    rest r = {0};
    size_t i = data_url(in);
    *out_size = 0;
    if (i)
        seen |= OPA_BASE64_DATA_URL;
    while (i < in.size) {
        if (r.count == 0 && !r.pads) {
            const size_t n = groups(to, s + i, (in.size - i) / 4);
            i += 4 * n;
            to += 3 * n;
            if (i == in.size)
                break;
        }
        if (!take(&r, s[i++], &seen))
            return false;
        if (r.count == 4) {
            *to++ = (uint8_t)(r.bits >> 16);
            *to++ = (uint8_t)(r.bits >> 8);
            *to++ = (uint8_t)r.bits;
            r = (rest){0};
        }
    }
    const int tail = finish(to, &r, &seen);
    if (tail < 0)
        return false;
    *out_size = (size_t)(to + tail - (uint8_t *)out);
    if (form)
        *form = seen;
    return true;
}

void opa_base64_encode(char *out, const void *data, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *s = data;
    for (; size >= 3; size -= 3, s += 3, out += 4) {
        const uint32_t w = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
        out[0] = letters[w >> 18];
        out[1] = letters[w >> 12 & 63];
        out[2] = letters[w >> 6 & 63];
        out[3] = letters[w & 63];
    }
    if (size) {
        const uint32_t w = (uint32_t)s[0] << 16 | (size == 2 ? (uint32_t)s[1] << 8 : 0);
        out[0] = letters[w >> 18];
        out[1] = letters[w >> 12 & 63];
        out[2] = size == 2 ? letters[w >> 6 & 63] : '=';
        out[3] = '=';
    }
}

bool opa_base64_is_canonical(opa_text in)
{
    uint8_t scratch[OPA_BASE64_DECODED(4096)];
    for (size_t i = 0; i < in.size;) {
        const size_t n = in.size - i < 4096 ? in.size - i : 4096;
        size_t size;
        unsigned form;
        if (!opa_base64_decode(scratch, &size, (opa_text){in.data + i, n}, &form) || form)
            return false;
        i += n;
        if (i < in.size && size != n / 4 * 3) /* padding in the middle */
            return false;
    }
    return true;
}
