/* SPDX-License-Identifier: Apache-2.0 */
/** @file round.h
 *  From float32 to the types that checkpoints are stored in: the way back from ops_expand().
 */
#ifndef OPATRAIN_OPS_ROUND_H
#define OPATRAIN_OPS_ROUND_H

#include "ops/ops.h"

/** Write @p n numbers to @p out in the type @p to, rounded to nearest, ties to even; what is beyond F16 becomes infinite. Runs in
 *  the calling thread. */
void ops_round(const ops_context *ctx, void *out, ops_dtype to, const float *from, size_t n);

#endif
