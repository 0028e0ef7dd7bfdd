/* SPDX-License-Identifier: Apache-2.0 */
/** @file parts.h
 *  The parts of the way import -> check -> pack -> verify, through the library's public headers only.
 */
#ifndef OPA_TEST_FAULTS_PARTS_H
#define OPA_TEST_FAULTS_PARTS_H

#include "world.h"

/** What a part changes. */
enum part_effect {
    READS,  /**< nothing */
    STORES, /**< the store */
    PACKS,  /**< the folder out */
};

/** What store it begins with. */
enum part_from { NOTHING, EMPTY, FULL };

typedef struct part {
    const char *name;
    int (*run)(world *w, opa_context *ctx);
    enum part_effect effect;
    enum part_from from;
    bool replaces; /**< another pack is there already */
} part;

extern const part parts[];
extern const size_t part_count;

/** Parts that the sweep names: everything that a store holds, and all of the way at once. */
int part_read_store(world *w, opa_context *ctx);
int part_whole_round(world *w, opa_context *ctx);

#endif
