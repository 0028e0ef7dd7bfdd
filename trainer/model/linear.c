/* SPDX-License-Identifier: Apache-2.0 */
#include "model/linear.h"

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
