/* SPDX-License-Identifier: Apache-2.0 */
/** @file rows.h
 *  Rows of matrices, moved. Places ascend.
 */
#ifndef OPATRAIN_OPS_ROWS_H
#define OPATRAIN_OPS_ROWS_H

#include "ops/ops.h"

/** to[n] = from[n]. */
void ops_copy(const ops_context *ctx, float *to, const float *from, size_t n);
/** to[i,:] = from[places[i],:], i < count. */
void ops_gather_rows(const ops_context *ctx, float *to, const float *from, const size_t *places, size_t count,
                     size_t width);
/** to[places[i],:] += from[i,:]; places differ. */
void ops_add_rows(const ops_context *ctx, float *to, const float *from, const size_t *places, size_t count,
                  size_t width);
/** In place: row i of the first @p count goes to places[i], the others of all @p rows become 0. */
void ops_spread_rows(float *x, const size_t *places, size_t count, size_t rows, size_t width);

#endif
