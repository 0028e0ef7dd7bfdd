/* SPDX-License-Identifier: Apache-2.0 */
/** @file dataset.h
 *  The samples of several packs as one list.
 */
#ifndef OPATRAIN_DATASET_H
#define OPATRAIN_DATASET_H

#include "packed.h"

struct dataset_pack {
    opa_pack *pack;
    const char *path; /**< borrowed */
    uint64_t seed;    /**< the pack's, of its masks */
    bool by_text;     /**< its tokenizer has another fingerprint than the model's */
};

/** Where a sample stands. */
struct dataset_place {
    size_t pack, index;
};

struct dataset {
    struct dataset_pack *packs;
    size_t pack_count;
    struct dataset_place *places; /**< in order; those that cannot be used are taken out by dataset_keep() */
    size_t count;
    const opa_tokenizer *tokenizer;
};

/** Open @p paths. OPA_ENOENT, OPA_EDATA: not a pack, or made for another tokenizer kind without fingerprint. Release with
 *  dataset_release(). */
int dataset_open(struct trainer *t, struct dataset *out, char *const *paths, size_t count,
                 const opa_tokenizer *tokenizer);
void dataset_release(struct dataset *dataset);

/** Read sample @p i; as packed_read(), and OPA_EDATA where its ids are another tokenizer's. */
int dataset_read(struct trainer *t, const struct dataset *dataset, struct packed *out, size_t i);
/** The pack of sample @p i. */
const struct dataset_pack *dataset_pack_of(const struct dataset *dataset, size_t i);
/** Keep those that @p keep [count] says. */
void dataset_keep(struct dataset *dataset, const bool *keep);

/** The order of an epoch: a permutation of 0..count-1 that only seed and epoch decide. OPA_ENOMEM. */
int dataset_order(struct trainer *t, uint32_t *out, size_t count, uint64_t seed, uint64_t epoch);

#endif
