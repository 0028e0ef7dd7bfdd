/* SPDX-License-Identifier: Apache-2.0 */
#include "model/linear.h"

#include <assert.h>

size_t linear_scratch(const struct adapter *adapter, size_t rows)
{
    return adapter ? rows * adapter->max_rank : 0;
}

void linear_forward(const ops_context *ops, const struct linear *linear, const struct adapter *adapter, float *y,
                    const float *x, size_t rows, bool residual, float *low)
{
    const ops_matrix in = ops_rows(x, rows, linear->w.cols);
    ops_linear_forward(ops, y, in, linear->w, linear->bias, 1.0f, residual ? 1.0f : 0.0f);
    const struct lora *lora = adapter ? &adapter->of[linear->id] : NULL;
    if (lora == NULL || lora->rank == 0)
        return;
    ops_linear_forward(ops, low, in, lora->a, NULL, 1.0f, 0.0f);
    ops_linear_forward(ops, y, ops_rows(low, rows, lora->rank), lora->b, NULL, lora->scale, 1.0f);
}

/* ---- training ---- */

/* The group's A as one matrix; rows 0: there is none. */
static ops_matrix stack(const struct linear_group *group, const struct adapter *adapter)
{
    ops_matrix all = {0};
    for (size_t i = 0; i < group->count; i++) {
        const struct lora *lora = &adapter->of[group->of[i]->id];
        if (lora->rank == 0)
            continue;
        if (all.rows == 0)
            all = lora->a;
        else
            all.rows += lora->rank;
        assert((const float *)all.data + all.rows * all.cols == (const float *)lora->a.data + lora->rank * all.cols);
    }
    return all;
}

size_t linear_group_rank(const struct linear_group *group, const struct adapter *adapter)
{
    size_t rank = 0;
    for (size_t i = 0; i < group->count; i++)
        rank += adapter->of[group->of[i]->id].rank;
    return rank;
}

void linear_group_forward(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                          float *const y[], const float *x, size_t rows, bool residual, float *low)
{
    const ops_matrix a = stack(group, adapter), in = ops_rows(x, rows, group->of[0]->w.cols);
    if (a.rows > 0)
        ops_gemm_nt(ops, low, a.rows, in, a, 1, 0);
    size_t offset = 0; /* of a layer's columns of low */
    for (size_t i = 0; i < group->count; i++) {
        const struct linear *linear = group->of[i];
        const struct lora *lora = &adapter->of[linear->id];
        const ops_matrix own = {low + offset, rows, lora->rank, a.rows, OPS_F32};
        ops_linear_forward(ops, y[i], in, linear->w, linear->bias, 1, residual);
        if (lora->rank > 0)
            ops_gemm_nt(ops, y[i], linear->w.rows, own, lora->b, lora->scale, 1);
        offset += lora->rank;
    }
}

void linear_group_backward(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                           const struct lora_slope *slope, const float *const dy[], const float *low, size_t rows,
                           float *dlow)
{
    const size_t stride = linear_group_rank(group, adapter);
    size_t offset = 0; /* of a layer's columns of low and dlow */
    for (size_t i = 0; i < group->count; i++) {
        const size_t id = group->of[i]->id;
        const struct lora *lora = &adapter->of[id];
        const ops_matrix d = ops_rows(dy[i], rows, group->of[i]->w.rows);
        const ops_matrix own = {low + offset, rows, lora->rank, stride, OPS_F32};
        if (lora->rank == 0)
            continue;
        ops_gemm_nn(ops, dlow + offset, stride, d, lora->b, lora->scale, 0);
        ops_gemm_tn(ops, slope[id].b, lora->rank, d, own, lora->scale, 1);
        offset += lora->rank;
    }
}

/* The gradients lie as the matrices do: one product makes all of the group's. */
void linear_group_backward_a(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                             const struct lora_slope *slope, const float *x, const float *dlow, size_t rows)
{
    const ops_matrix a = stack(group, adapter);
    size_t first = 0;
    while (first < group->count && adapter->of[group->of[first]->id].rank == 0)
        first++;
    if (first < group->count)
        ops_gemm_tn(ops, slope[group->of[first]->id].a, a.cols, ops_rows(dlow, rows, a.rows), ops_rows(x, rows, a.cols),
                    1, 1);
}

void linear_group_backward_x(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                             float *dx, const float *const dy[], const float *dlow, size_t rows)
{
    const ops_matrix a = stack(group, adapter);
    const size_t in = group->of[0]->w.cols;
    for (size_t i = 0; i < group->count; i++)
        ops_gemm_nn(ops, dx, in, ops_rows(dy[i], rows, group->of[i]->w.rows), group->of[i]->w, 1, i > 0);
    if (a.rows > 0)
        ops_gemm_nn(ops, dx, in, ops_rows(dlow, rows, a.rows), a, 1, 1);
}
