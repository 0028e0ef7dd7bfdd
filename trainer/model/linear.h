/* SPDX-License-Identifier: Apache-2.0 */
/** @file linear.h
 *  A linear layer of the base model and, beside it, what adapters add.
 */
#ifndef OPATRAIN_MODEL_LINEAR_H
#define OPATRAIN_MODEL_LINEAR_H

#include "model/names.h"
#include "ops/gemm.h"
#include "scratch.h"

struct linear {
    ops_matrix w;      /**< [out, in], in the checkpoint's type, mapped */
    const float *bias; /**< [out] or NULL */
    size_t id;         /**< place in the model's list of linear layers, and in an adapter's */
};

/** What an adapter adds to one linear layer: y += scale * (x A^T) B^T. rank 0: nothing. */
struct lora {
    ops_matrix a, b; /**< [rank, in], [out, rank] */
    size_t rank;
    float scale;
};

/** Low-rank changes for the linear layers of a model; the base stays as it is (merging in bf16 would lose them). */
struct adapter {
    struct lora *of; /**< by linear.id */
    size_t count;
    size_t max_rank;
    struct safetensors *file;
};

/** y [rows, out] = x [rows, in] * w^T + bias + what @p adapter (NULL: none) adds; with @p residual y is added to instead of
 *  overwritten. @p low [rows, adapter->max_rank] is scratch. */
void linear_forward(const ops_context *ops, const struct linear *linear, const struct adapter *adapter, float *y,
                    const float *x, size_t rows, bool residual, float *low);
/** Floats of @p low. */
size_t linear_scratch(const struct adapter *adapter, size_t rows);

/* ---- training ---- */

/** Where the gradient of a low-rank change goes. */
struct lora_slope {
    float *a, *b; /**< [rank, in], [out, rank] */
};

enum { LINEAR_GROUP = 3 };

/** Layers that take the same input: q, k and v; gate and up; or one. Their A matrices lie below each other in memory (so params.h
 *  lays them out) and are multiplied as one. */
struct linear_group {
    const struct linear *of[LINEAR_GROUP];
    size_t count;
};

static inline struct linear_group linear_alone(const struct linear *linear)
{
    return (struct linear_group){{linear}, 1};
}

/** Rows of all A of the group. */
size_t linear_group_rank(const struct linear_group *group, const struct adapter *adapter);

/** y[i] [rows, out] = what linear_forward() makes of each layer, and @p low [rows, group rank] = x A^T, which the backward pass
 *  needs. */
void linear_group_forward(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                          float *const y[], const float *x, size_t rows, bool residual, float *low);

/** The way back in three steps, for what lies between them. From the gradients dy[i] of y: dlow [rows, group rank] is overwritten,
 *  the gradients of B in @p slope (by linear.id) are added to. */
void linear_group_backward(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                           const struct lora_slope *slope, const float *const dy[], const float *low, size_t rows,
                           float *dlow);

/** The gradients of A are added to: dlow^T x. */
void linear_group_backward_a(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                             const struct lora_slope *slope, const float *x, const float *dlow, size_t rows);

/** dx [rows, in] is overwritten: sum of dy[i] w[i], + dlow A. */
void linear_group_backward_x(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                             float *dx, const float *const dy[], const float *dlow, size_t rows);

#endif
