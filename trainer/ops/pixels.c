/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/pixels.h"

#include "ops/context.h"

void ops_filter_row(const ops_context *ctx, uint8_t *out, const uint8_t *const planes[3], const ops_filter *filter)
{
    ctx->simd->filter_row(out, planes, filter);
}

void ops_filter_column(const ops_context *ctx, uint8_t *out, const uint8_t *rows, size_t n, const ops_filter *filter,
                       size_t at)
{
    ctx->simd->filter_column(out, rows + filter->first[at] * n, n, filter->coefficients + at * filter->taps,
                             filter->count[at]);
}

void ops_split_rgb(const ops_context *ctx, uint8_t *const planes[3], const uint8_t *rgb, size_t n)
{
    ctx->simd->split_rgb(planes, rgb, n);
}
