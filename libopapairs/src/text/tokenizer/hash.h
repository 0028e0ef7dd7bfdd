/* SPDX-License-Identifier: Apache-2.0 */
/** @file hash.h
 *  The hash of the tokenizer's tables. It never leaves memory, so it may differ between machines.
 */
#ifndef OPA_TEXT_TOKENIZER_HASH_H
#define OPA_TEXT_TOKENIZER_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t opa_hash_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0x9E3779B97F4A7C15);
    x ^= x >> 29;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    return x ^ x >> 32;
}

static inline uint64_t opa_hash_pair(uint32_t a, uint32_t b)
{
    return opa_hash_mix((uint64_t)a << 32 | b);
}

static inline uint64_t opa_hash_bytes(const char *data, size_t size)
{
    uint64_t h = size * UINT64_C(0xA0761D6478BD642F), w;
    for (; size >= 8; data += 8, size -= 8) {
        memcpy(&w, data, 8);
        h = (h ^ w) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 32;
    }
    w = 0;
    for (size_t i = 0; i < size; i++)
        w = w << 8 | (unsigned char)data[i];
    return opa_hash_mix(h ^ w);
}

#endif
