/* SPDX-License-Identifier: Apache-2.0 */
#include "checksum.h"

#include <string.h>

/* Odd numbers: multiplying by one loses no bit. The golden ratio's digits, and one of SplitMix64's (Steele, 2014). */
static const uint64_t first = 0x9E3779B97F4A7C15u, second = 0xBF58476D1CE4E5B9u;

/* One to one in the lane for a given word, and in the word for a given lane. */
static void mix(uint64_t *lane, uint64_t word)
{
    *lane = (*lane ^ word) * first;
    *lane ^= *lane >> 29;
}

uint64_t checksum(uint64_t start, const void *data, size_t size)
{
    enum { LANES = 4, WORD = sizeof(uint64_t) };
    const unsigned char *bytes = data;
    const size_t words = size / WORD;
    uint64_t lanes[LANES] = {start, start + 1, start + 2, start + 3}, word = 0, sum = size;
    for (size_t i = 0; i < words; i++) {
        memcpy(&word, bytes + i * WORD, WORD);
        mix(&lanes[i % LANES], word);
    }
    word = 0;
    if (size % WORD > 0)
        memcpy(&word, bytes + words * WORD, size % WORD);
    mix(&lanes[words % LANES], word);
    for (int k = 0; k < LANES; k++) {
        mix(&sum, lanes[k]);
        sum *= second;
    }
    return sum;
}
