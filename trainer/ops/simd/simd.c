/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once for each instruction set, with its flags and -DOPS_ISA=its name: see meson.build. */
#include "ops/simd/simd.h"

#include "ops/simd/block.h"
#include "ops/simd/dot.h"
#include "ops/simd/moments.h"
#include "ops/simd/pixels.h"
#include "ops/simd/rows.h"
#include "ops/simd/slopes.h"

/* The table's name with that of the instruction set behind it. */
#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

const ops_simd PASTE(ops_simd_, OPS_ISA) = {
    .name = TEXT(OPS_ISA),
    .lanes = LANES,
    .narrow = {[OPS_F32] = narrow_f32, [OPS_BF16] = narrow_bf16, [OPS_F16] = narrow_f16},
    .expand = {[OPS_F32] = expand_f32, [OPS_BF16] = expand_bf16, [OPS_F16] = expand_f16},
    .to_bf16 = to_bf16,
    .outer_rows = outer_rows,
    .outer_columns = outer_columns,
    .to_panels = to_panels,
    .to_panel_column = to_panel_column,
    .column_max = column_max,
    .column_exp = column_exp,
    .accumulate = accumulate,
    .max = row_max,
    .exp_shifted = exp_shifted,
    .sum_exp = sum_exp,
    .sum = row_sum,
    .scale = scale_row,
    .add = add_row,
    .rmsnorm = rmsnorm,
    .layernorm = layernorm,
    .rope = rope,
    .activation = activation,
    .silu_mul = silu_mul,
    .dot = dot_rows,
    .rmsnorm_back = rmsnorm_back,
    .layernorm_back = layernorm_back,
    .rope_back = rope_back,
    .softmax_back = softmax_back,
    .activation_back = activation_back,
    .silu_mul_back = silu_mul_back,
    .adamw = adamw,
    .square_sum = square_sum,
    .filter_row = filter_row,
    .filter_column = filter_column,
    .split_rgb = split_rgb,
};
