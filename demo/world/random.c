/* SPDX-License-Identifier: Apache-2.0 */
#include "random.h"

static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);

struct random random_for(uint64_t seed, uint64_t number, enum stream stream, uint64_t visit)
{
    const uint64_t parts[] = {seed, number, (uint64_t)stream, visit};
    uint64_t state = 0;
    for (int i = 0; i < 4; i++)
        state = mixed((state ^ parts[i]) + golden);
    return (struct random){state};
}

uint64_t random_next(struct random *r)
{
    r->state += golden;
    return mixed(r->state);
}

int random_below(struct random *r, int n)
{
    return (int)(((random_next(r) >> 32) * (uint64_t)n) >> 32);
}

bool random_chance(struct random *r, int percent)
{
    return random_below(r, 100) < percent;
}

int random_weighted(struct random *r, const int *weights, int count)
{
    int total = 0;
    for (int i = 0; i < count; i++)
        total += weights[i];
    if (total == 0)
        return -1;
    int left = random_below(r, total), i = 0;
    while (left >= weights[i])
        left -= weights[i++];
    return i;
}

int random_normal(struct random *r)
{
    const uint64_t z = random_next(r);
    return (int)((z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48)) - 4 * 0xFFFF / 2;
}
