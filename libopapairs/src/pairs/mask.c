/* SPDX-License-Identifier: Apache-2.0 */
/* Which positions of an image are masked. Drawn from a seed alone, so that a pack, a trainer and any other program
 * agree. */
#include <opapairs/pairs.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/sha256.h"

/* 64 x 64 -> 128 bits is one instruction. */
__extension__ typedef unsigned __int128 uint128;

uint64_t opa_mask_seed(opa_text id, uint64_t seed, uint64_t visit)
{
    char numbers[48];
    const int size = snprintf(numbers, sizeof numbers, "%c%" PRIu64 "%c%" PRIu64, 0, seed, 0, visit);
    uint8_t digest[32];
    opa_sha256 h;
    opa_sha256_init(&h);
    opa_sha256_add(&h, id.data, id.size);
    opa_sha256_add(&h, numbers, (size_t)size);
    opa_sha256_done(digest, &h);
    uint64_t out = 0;
    for (int i = 7; i >= 0; i--)
        out = out << 8 | digest[i];
    return out;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

size_t opa_mask_draw(uint32_t *positions, uint32_t n, double ratio, uint64_t seed)
{
    const double share = ratio * n;
    const uint32_t k = !(share > 0) ? 0 : share >= n ? n : (uint32_t)share;
    for (uint32_t i = 0; i < n; i++)
        positions[i] = i;
    for (uint32_t i = 0; i < k; i++) {
        const uint32_t j = i + (uint32_t)((uint128)next(&seed) * (n - i) >> 64);
        const uint32_t kept = positions[i];
        positions[i] = positions[j];
        positions[j] = kept;
    }
    return k;
}
