/* SPDX-License-Identifier: Apache-2.0 */
/** @file plan.h
 *  What a run will need, before it begins.
 */
#ifndef OPATRAIN_PLAN_H
#define OPATRAIN_PLAN_H

#include "model/adapter.h"

/** Bytes. */
struct plan {
    uint64_t weights;     /**< mapped: shared with other runs, and given back by the system when memory is short */
    uint64_t adapter;     /**< mapped too */
    uint64_t activations; /**< of the largest forward pass */
    uint64_t cache;       /**< keys and values of decoding */
    uint64_t total;
};

/** Scoring one tree of @p tokens tokens with @p targets scored ones and @p images image versions. */
struct plan plan_score(const struct model *model, const struct adapter *adapter, size_t tokens, size_t targets,
                       size_t images);
/** Decoding @p batch texts of @p prompt tokens and up to @p made new ones. */
struct plan plan_generate(const struct model *model, const struct adapter *adapter, size_t batch, size_t prompt,
                          size_t made);

/** "--memory is too little". @p least and @p memory are bytes. Returns @p status. */
int plan_fail(struct trainer *t, int status, const char *what, uint64_t least, uint64_t memory);

/** Parameters that every token's forward pass multiplies: the language model's linear layers and, apart, the head. */
uint64_t plan_layer_parameters(const struct llama_config *config);
uint64_t plan_head_parameters(const struct llama_config *config);

#endif
