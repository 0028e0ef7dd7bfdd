/* SPDX-License-Identifier: Apache-2.0 */
/** @file embed.h
 *  Look-up of rows.
 */
#ifndef OPATRAIN_OPS_EMBED_H
#define OPATRAIN_OPS_EMBED_H

#include "ops/ops.h"

/** out[i,:] = table[ids[i],:] as float32. out [count, table.cols], rows @p stride floats apart. Rows whose id is negative
 *  (places of image tokens) are left alone; the others are below table.rows. */
void ops_embed_forward(const ops_context *ctx, float *out, size_t stride, ops_matrix table, const int32_t *ids,
                       size_t count);

#endif
