/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_SHA_NI 1
#include <cpuid.h>
#include <immintrin.h>
#endif

#define BLOCK ((size_t)64)

void opa_sha256_of(uint8_t out[32], const void *data, size_t size)
{
    opa_sha256 h;
    opa_sha256_init(&h);
    opa_sha256_add(&h, data, size);
    opa_sha256_done(out, &h);
}

/* ---- two hashes of the same bytes ---- */

#ifdef HAVE_SHA_NI
#define WITH_SHA_NI __attribute__((target("sha,sse4.1,ssse3")))

static bool detect(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* FIPS 180-4, 4.2.2 */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* A state as the instructions want it: A is the highest lane of abef, H the lowest of cdgh. */
typedef struct lanes {
    __m128i abef, cdgh;
} lanes;

static lanes load_state(const uint32_t s[8])
{
    return (lanes){_mm_set_epi32((int)s[0], (int)s[1], (int)s[4], (int)s[5]),
                   _mm_set_epi32((int)s[2], (int)s[3], (int)s[6], (int)s[7])};
}

WITH_SHA_NI static void store_state(uint32_t s[8], const lanes *l)
{
    const __m128i low = _mm_unpackhi_epi64(l->cdgh, l->abef), high = _mm_unpacklo_epi64(l->cdgh, l->abef);
    _mm_storeu_si128((__m128i *)s, _mm_shuffle_epi32(low, _MM_SHUFFLE(0, 1, 2, 3)));        /* a b c d */
    _mm_storeu_si128((__m128i *)(s + 4), _mm_shuffle_epi32(high, _MM_SHUFFLE(0, 1, 2, 3))); /* e f g h */
}

WITH_SHA_NI static inline void four_rounds(lanes *x, lanes *y, __m128i words, const uint32_t k[4])
{
    const __m128i first = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)k));
    const __m128i second = _mm_shuffle_epi32(first, _MM_SHUFFLE(1, 0, 3, 2));
    x->cdgh = _mm_sha256rnds2_epu32(x->cdgh, x->abef, first);
    y->cdgh = _mm_sha256rnds2_epu32(y->cdgh, y->abef, first);
    x->abef = _mm_sha256rnds2_epu32(x->abef, x->cdgh, second);
    y->abef = _mm_sha256rnds2_epu32(y->abef, y->cdgh, second);
}

/* Words t + 16 to t + 19 of the schedule from words t to t + 15. */
WITH_SHA_NI static inline __m128i extend(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(sum, w3);
}

WITH_SHA_NI static void compress_both(uint32_t a[8], uint32_t b[8], const uint8_t *data, size_t blocks)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    lanes x = load_state(a), y = load_state(b);
    for (; blocks > 0; blocks--, data += BLOCK) {
        const lanes x_before = x, y_before = y;
        __m128i w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * i)), big_endian);
        for (const uint32_t *k = constants;;) {
            for (int i = 0; i < 4; i++, k += 4)
                four_rounds(&x, &y, w[i], k);
            if (k == constants + 64)
                break;
            for (int i = 0; i < 4; i++)
                w[i] = extend(w[i], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
        }
        x.abef = _mm_add_epi32(x.abef, x_before.abef);
        x.cdgh = _mm_add_epi32(x.cdgh, x_before.cdgh);
        y.abef = _mm_add_epi32(y.abef, y_before.abef);
        y.cdgh = _mm_add_epi32(y.cdgh, y_before.cdgh);
    }
    store_state(a, &x);
    store_state(b, &y);
}
#else
static bool detect(void)
{
    return false;
}

static void compress_both(uint32_t a[8], uint32_t b[8], const uint8_t *data, size_t blocks)
{
    (void)a, (void)b, (void)data, (void)blocks;
}
#endif

void opa_sha256_both_init(opa_sha256_both *b)
{
    opa_sha256_init(&b->whole);
    opa_sha256_init(&b->part);
    b->fast = detect();
}

static void add_apart(opa_sha256_both *b, const uint8_t *data, size_t size)
{
    opa_sha256_add(&b->whole, data, size);
    opa_sha256_add(&b->part, data, size);
}

void opa_sha256_both_add(opa_sha256_both *b, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (b->fast && b->whole.index == b->part.index) {
        const size_t ahead = (BLOCK - b->whole.index) % BLOCK, head = size < ahead ? size : ahead;
        const size_t blocks = (size - head) / BLOCK;
        add_apart(b, bytes, head);
        compress_both(b->whole.state, b->part.state, bytes + head, blocks);
        b->whole.count += blocks;
        b->part.count += blocks;
        bytes += head + blocks * BLOCK;
        size -= head + blocks * BLOCK;
    }
    add_apart(b, bytes, size);
}

void opa_sha256_both_part(uint8_t out[32], opa_sha256_both *b)
{
    opa_sha256_done(out, &b->part);
    opa_sha256_init(&b->part);
}

void opa_sha256_both_done(uint8_t out[32], opa_sha256_both *b)
{
    opa_sha256_done(out, &b->whole);
}

void opa_hex(char *out, const uint8_t *digest, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[2 * bytes] = '\0';
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool opa_unhex(uint8_t *out, const char *hex, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        const int high = digit(hex[2 * i]), low = high < 0 ? -1 : digit(hex[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return hex[2 * bytes] == '\0';
}
