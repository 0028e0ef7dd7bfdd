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
    size_t missing; /**< layers that it has nothing for, though it has for others of their kind */
    struct safetensors *file;
};

/** y [rows, out] = x [rows, in] * w^T + bias + what @p adapter (NULL: none) adds; with @p residual y is added to instead of
 *  overwritten. @p low [rows, adapter->max_rank] is scratch. */
void linear_forward(const ops_context *ops, const struct linear *linear, const struct adapter *adapter, float *y,
                    const float *x, size_t rows, bool residual, float *low);
/** Floats of @p low. */
size_t linear_scratch(const struct adapter *adapter, size_t rows);

#endif
