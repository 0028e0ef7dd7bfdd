/* SPDX-License-Identifier: Apache-2.0 */
/** @file plain.h
 *  The naive twin of llama_forward(): one padded sequence, plain loops, sums in float64, nothing shared and nothing skipped
 *  but padding. For tests.
 */
#ifndef OPATRAIN_MODEL_PLAIN_H
#define OPATRAIN_MODEL_PLAIN_H

#include "model/llama.h"

/** h [length, hidden] in place, from embeddings to the residual stream behind the last layer. Tokens with @p real false are
 *  padding (left, right or in between): they are seen by nobody and count no position. OPA_ENOMEM. */
int plain_forward(struct trainer *t, const struct llama *llama, const struct adapter *adapter, float *h,
                  const bool *real, size_t length);

/** log softmax of the head over norm(h[row, :]), at @p target. */
double plain_logp(const struct trainer *t, const struct llama *llama, const float *h, size_t row, int32_t target);

#endif
