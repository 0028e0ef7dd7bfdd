/* SPDX-License-Identifier: Apache-2.0 */
#include "model/linear_group.h"

#include <assert.h>
#include <string.h>

/* Merged weights take memory, so this share of all operations has to be saved. */
#define WORTHWHILE .05

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

enum linear_way linear_group_way(const ops_context *ops, const struct linear_group *group,
                                 const struct adapter *adapter, size_t rows)
{
    double base = 0, by_rank = 0, merged = 0, whole = 0; /* halves of the header's operations */
    if (ops_bf16_products(ops))
        return LINEAR_LOW_RANK;
    for (size_t i = 0; i < group->count; i++) {
        const ops_matrix w = group->of[i]->w;
        const double t = (double)rows, n = (double)w.rows * (double)w.cols;
        const double rank = (double)adapter->of[group->of[i]->id].rank, r = rank * (double)(w.rows + w.cols);
        if (rank == 0)
            continue;
        base += 2 * t * n;
        by_rank += 3 * t * r;
        merged += 2 * t * r + rank * n;
        whole += t * n + 3 * rank * n;
    }
    const double best = whole < merged ? whole : merged;
    if (by_rank - best <= WORTHWHILE * (base + by_rank))
        return LINEAR_LOW_RANK;
    return whole < merged ? LINEAR_WHOLE : LINEAR_MERGED;
}

size_t linear_group_merged(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                           size_t rows)
{
    size_t sum = 0;
    if (linear_group_way(ops, group, adapter, rows) == LINEAR_LOW_RANK)
        return 0;
    for (size_t i = 0; i < group->count; i++)
        sum += adapter->of[group->of[i]->id].rank > 0 ? group->of[i]->w.rows * group->of[i]->w.cols : 0;
    return sum;
}

size_t linear_group_wide(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                         size_t rows)
{
    size_t most = 0;
    if (linear_group_way(ops, group, adapter, rows) != LINEAR_WHOLE)
        return 0;
    for (size_t i = 0; i < group->count; i++) {
        const ops_matrix w = group->of[i]->w;
        most = w.rows * w.cols > most ? w.rows * w.cols : most;
    }
    return most;
}

/* ---- forward ---- */

/* The weights of all layers with their changes, layer after layer. */
static void merge(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                  float *merged)
{
    for (size_t i = 0; i < group->count; i++) {
        const ops_matrix w = group->of[i]->w;
        const struct lora *lora = &adapter->of[group->of[i]->id];
        if (lora->rank == 0)
            continue;
        ops_expand_all(ops, merged, w);
        ops_gemm_nn(ops, merged, w.cols, lora->b, lora->a, lora->scale, 1);
        merged += w.rows * w.cols;
    }
}

/* Layer @p i's weights as the products take them; *merged goes on to the next layer's. */
static ops_matrix weights(const struct linear_group *group, const struct adapter *adapter, size_t i,
                          const float **merged)
{
    const ops_matrix w = group->of[i]->w;
    if (*merged == NULL || adapter->of[group->of[i]->id].rank == 0)
        return w;
    const float *own = *merged;
    *merged += w.rows * w.cols;
    return ops_rows(own, w.rows, w.cols);
}

void linear_group_again(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                        const float *x, size_t rows, float *low, float *merged)
{
    const ops_matrix a = stack(group, adapter);
    const enum linear_way way = linear_group_way(ops, group, adapter, rows);
    if (way != LINEAR_LOW_RANK)
        merge(ops, group, adapter, merged);
    if (a.rows > 0 && way != LINEAR_WHOLE)
        ops_gemm_nt(ops, low, a.rows, ops_rows(x, rows, a.cols), a, 1, 0);
}

void linear_group_forward(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                          float *const y[], const float *x, size_t rows, bool residual, float *low, float *merged)
{
    const bool by_rank = linear_group_way(ops, group, adapter, rows) == LINEAR_LOW_RANK;
    const size_t stride = linear_group_rank(group, adapter);
    const ops_matrix in = ops_rows(x, rows, group->of[0]->w.cols);
    const float *at = by_rank ? NULL : merged;
    size_t offset = 0; /* of a layer's columns of low */
    linear_group_again(ops, group, adapter, x, rows, low, merged);
    for (size_t i = 0; i < group->count; i++) {
        const struct linear *linear = group->of[i];
        const struct lora *lora = &adapter->of[linear->id];
        const ops_matrix own = {low + offset, rows, lora->rank, stride, OPS_F32};
        ops_linear_forward(ops, y[i], in, weights(group, adapter, i, &at), linear->bias, 1, residual);
        if (by_rank && lora->rank > 0)
            ops_gemm_nt(ops, y[i], linear->w.rows, own, lora->b, lora->scale, 1);
        offset += lora->rank;
    }
}

/* ---- backward ---- */

void linear_group_backward(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                           const float *const dy[], size_t rows, float *dlow)
{
    const size_t stride = linear_group_rank(group, adapter);
    size_t offset = 0; /* of a layer's columns of dlow */
    if (linear_group_way(ops, group, adapter, rows) == LINEAR_WHOLE)
        return;
    for (size_t i = 0; i < group->count; i++) {
        const struct lora *lora = &adapter->of[group->of[i]->id];
        if (lora->rank > 0)
            ops_gemm_nn(ops, dlow + offset, stride, ops_rows(dy[i], rows, group->of[i]->w.rows), lora->b, lora->scale,
                        0);
        offset += lora->rank;
    }
}

/* B's += s dy^T low; those of A lie as the matrices do, so that one product makes all of the group's: += dlow^T x. */
static void add_by_rank(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                        const struct lora_slope *slope, const float *const dy[], const float *x, const float *low,
                        const float *dlow, size_t rows)
{
    const ops_matrix a = stack(group, adapter);
    size_t offset = 0;
    for (size_t i = 0; i < group->count; i++) {
        const size_t id = group->of[i]->id;
        const struct lora *lora = &adapter->of[id];
        const ops_matrix own = {low + offset, rows, lora->rank, a.rows, OPS_F32};
        if (lora->rank == 0)
            continue;
        ops_gemm_tn(ops, slope[id].b, lora->rank, ops_rows(dy[i], rows, group->of[i]->w.rows), own, lora->scale, 1);
        if (offset == 0)
            ops_gemm_tn(ops, slope[id].a, a.cols, ops_rows(dlow, rows, a.rows), ops_rows(x, rows, a.cols), 1, 1);
        offset += lora->rank;
    }
}

/* G = dy^T x is what the weights' own gradient would be: B's += s G A^T, A's += s B^T G. */
static void add_whole(const ops_context *ops, const struct linear *linear, const struct lora *lora,
                      const struct lora_slope *slope, const float *dy, const float *x, size_t rows, float *wide)
{
    const size_t out = linear->w.rows, in = linear->w.cols;
    const ops_matrix g = ops_rows(wide, out, in);
    ops_gemm_tn(ops, wide, in, ops_rows(dy, rows, out), ops_rows(x, rows, in), 1, 0);
    ops_gemm_nt(ops, slope->b, lora->rank, g, lora->a, lora->scale, 1);
    ops_gemm_tn(ops, slope->a, in, lora->b, g, lora->scale, 1);
}

void linear_group_backward_w(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                             const struct lora_slope *slope, const float *const dy[], const float *x, const float *low,
                             const float *dlow, size_t rows, float *wide)
{
    if (linear_group_way(ops, group, adapter, rows) != LINEAR_WHOLE) {
        add_by_rank(ops, group, adapter, slope, dy, x, low, dlow, rows);
        return;
    }
    for (size_t i = 0; i < group->count; i++) {
        const size_t id = group->of[i]->id;
        if (adapter->of[id].rank > 0)
            add_whole(ops, group->of[i], &adapter->of[id], &slope[id], dy[i], x, rows, wide);
    }
}

void linear_group_backward_x(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                             float *dx, const float *const dy[], const float *dlow, size_t rows, const float *merged)
{
    const bool by_rank = linear_group_way(ops, group, adapter, rows) == LINEAR_LOW_RANK;
    const ops_matrix a = stack(group, adapter);
    const size_t in = group->of[0]->w.cols;
    const float *at = by_rank ? NULL : merged;
    for (size_t i = 0; i < group->count; i++)
        ops_gemm_nn(ops, dx, in, ops_rows(dy[i], rows, group->of[i]->w.rows), weights(group, adapter, i, &at), 1,
                    i > 0);
    if (by_rank && a.rows > 0)
        ops_gemm_nn(ops, dx, in, ops_rows(dlow, rows, a.rows), a, 1, 1);
}
