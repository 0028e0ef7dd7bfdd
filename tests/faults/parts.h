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
    PACKS,  /**< the folder out, all at once */
    BOTH,   /**< both, one after the other */
};

/** What store it begins with. */
enum part_from { NOTHING, EMPTY, FULL };

typedef struct part {
    const char *name;
    int (*run)(world *w, opa_context *ctx); /**< or on_store */
    enum part_effect effect;
    enum part_from from;
    bool replaces;                                                 /**< another pack is there already */
    int (*on_store)(world *w, opa_context *ctx, opa_store *store); /**< with the store open */
} part;

extern const part parts[];
extern const size_t part_count;
int part_run(const part *p, world *w, opa_context *ctx);

/** Everything that a store holds: also how the sweep compares two of them. */
int part_read_store(world *w, opa_context *ctx);

/** parts_texts.c: those that need no store. */
int part_tokenize_words(world *w, opa_context *ctx);
int part_tokenize_llama(world *w, opa_context *ctx);
int part_tokenize_qwen(world *w, opa_context *ctx);
int part_tokenize_spm(world *w, opa_context *ctx);
int part_recipes(world *w, opa_context *ctx);
int part_reports(world *w, opa_context *ctx);
int part_align(world *w, opa_context *ctx);
int part_images(world *w, opa_context *ctx);

#endif
