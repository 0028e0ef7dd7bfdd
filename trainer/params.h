/* SPDX-License-Identifier: Apache-2.0 */
/** @file params.h
 *  What is trained: low-rank matrices in float32, all in one arena, with their gradients in another of the same layout.
 *
 *      value    [ A of every trained layer, by linear.id | B of every trained layer | A and B of idle layers ]
 *      gradient [ the same                               | the same                 ]
 *
 *  So the A of layers that take the same input (q, k, v; gate, up) lie below each other and are one matrix for a product.
 *  Idle layers are those that no feature goes through (CLIP's behind the feature layer): an adapter file holds them, nothing
 *  moves them. Layers of a START adapter outside the targets stay active and fixed, in its own file's type.
 */
#ifndef OPATRAIN_PARAMS_H
#define OPATRAIN_PARAMS_H

#include "model/adapter.h"
#include "model/linear_group.h"

/** What is trained; each includes the one before. */
enum targets { TARGETS_LLM, TARGETS_LLM_PROJECTOR, TARGETS_ALL };

/** "llm", "llm+projector", "all". Static storage. */
const char *targets_name(enum targets targets);
/** false: no such word. */
bool targets_parse(enum targets *out, const char *word);
/** Is this part trained? */
bool targets_include(enum targets targets, enum part part);

/** One matrix of the arena. */
struct param {
    size_t id;         /**< of the linear layer: model->loader.modules[id] has its part and name */
    bool is_b;         /**< lora_B [out, rank]; else lora_A [rank, in] */
    size_t offset;     /**< floats, into value and gradient */
    size_t rows, cols; /**< row-major */
    bool idle;         /**< beyond count: has no gradient and is not to be moved, not even by weight decay */
};

struct params {
    struct adapter adapter; /**< for every forward pass: points into value where trained, else at the START adapter's */
    enum targets targets;
    float *value;    /**< [total], 64-byte aligned */
    float *gradient; /**< [count] */
    size_t count;    /**< floats that are trained: of gradients and of an optimiser's state */
    size_t total;    /**< with idle ones */
    struct param *list;
    size_t list_count;
    size_t rank;
    double alpha;                /**< scale = alpha / rank */
    struct lora_slope *slope;    /**< by linear.id: where the backward pass adds gradients */
    const struct adapter *start; /**< NULL: fresh */
};

/** Fresh adapters on every target: A Kaiming-uniform as PEFT draws it (uniform in +-1/sqrt(in)), B zero, from @p seed: the same
 *  numbers on every machine. OPA_EINVAL: targets that the model has no part for; OPA_ENOMEM. Release with
 *  params_release(). */
int params_new(struct trainer *t, struct params *out, const struct model *model, enum targets targets, size_t rank,
               double alpha, uint64_t seed);

/** Copies of what @p start holds of the targets, in float32; a target layer without one stays without. Its other layers
 *  are used as they are: @p start is borrowed until release. OPA_EINVAL: nothing of the targets in it. */
int params_from(struct trainer *t, struct params *out, const struct model *model, enum targets targets,
                const struct adapter *start);

/** Is every value a number? */
bool params_finite(const struct params *params);
void params_zero_gradient(struct params *params);
void params_release(struct params *params);

#endif
