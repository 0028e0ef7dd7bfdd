/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/round.h"

#include <math.h>
#include <string.h>

#include "ops/context.h"

static uint16_t to_f16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    uint32_t size = bits & 0x7FFFFFFF;
    if (size > 0x7F800000)
        return (uint16_t)(sign | 0x7E00);
    if (size >= 0x47800000) /* 65,536 */
        return (uint16_t)(sign | 0x7C00);
    if (size < 0x38800000) /* 2^-14: below, steps are 2^-24 wide */
        return (uint16_t)(sign | (uint16_t)lrintf(fabsf(x) * 0x1p24f));
    size += 0x0FFF + (size >> 13 & 1);
    return (uint16_t)(sign | (size - 0x38000000) >> 13);
}

void ops_round(const ops_context *ctx, void *out, ops_dtype to, const float *from, size_t n)
{
    uint16_t *halves = out;
    if (to == OPS_F32)
        memcpy(out, from, n * sizeof *from);
    else if (to == OPS_BF16)
        ctx->simd->to_bf16(out, from, n);
    for (size_t i = 0; to == OPS_F16 && i < n; i++)
        halves[i] = to_f16(from[i]);
}
