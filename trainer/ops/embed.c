/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/embed.h"

#include "ops/context.h"

void ops_embed_forward(const ops_context *ctx, float *out, size_t stride, ops_matrix table, const int32_t *ids,
                       size_t count)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads_for(ctx, count *table.cols))
    for (size_t i = 0; i < count; i++)
        if (ids[i] >= 0)
            ops_expand(ctx, out + i * stride, table, (size_t)ids[i], 1);
}
