/* SPDX-License-Identifier: Apache-2.0 */
/* Chance, from integers alone: the same world on every machine. SplitMix64 (Steele, Lea and Flood 2014); no draw goes
 * through floating point. */
#ifndef MICROWORLD_RANDOM_H
#define MICROWORLD_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

/* Each thing that is drawn for a scene has a stream of its own, so that a change to one leaves the others as they are. */
enum stream {
    STREAM_SCENE,
    STREAM_PICTURE,
    STREAM_CAPTION,
    STREAM_QUESTION,
    STREAM_TRUTH,
    STREAM_EXPERT,
};

/* The @p stream of scene @p number in the world @p seed; @p visit tells draws of the same thing apart. */
struct random random_for(uint64_t seed, uint64_t number, enum stream stream, uint64_t visit);

uint64_t random_next(struct random *r);
/* 0 ... n-1; 0 < n. */
int random_below(struct random *r, int n);
/* True @p percent times in a hundred. */
bool random_chance(struct random *r, int percent);
/* A place of @p weights, as often as its weight says; -1: all weigh nothing. */
int random_weighted(struct random *r, const int *weights, int count);

/* A normal deviate, nearly: a sum of four uniform ones, in units of 1/NORMAL_ONE. It never passes 3.5 deviations. */
enum { NORMAL_ONE = 37837 }; /* 65536 * sqrt(4/12) */
int random_normal(struct random *r);

#endif
