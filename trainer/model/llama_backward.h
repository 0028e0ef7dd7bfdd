/* SPDX-License-Identifier: Apache-2.0 */
/** @file llama_backward.h
 *  LLaMA's layers over a tape, and the way back. Base weights are fixed: only inputs and low-rank changes have gradients.
 */
#ifndef OPATRAIN_MODEL_LLAMA_BACKWARD_H
#define OPATRAIN_MODEL_LLAMA_BACKWARD_H

#include "model/llama_tape.h"

/** All layers: tape->h[layers] [last.count, hidden] is the residual stream behind the last one. */
void llama_tape_forward(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                        struct llama_tape *tape);

/** dh [tokens, hidden]: the gradient of tape->h[layers] in its first last.count rows on the way in and, where @p below, that of
 *  tape->h[0] on the way out (otherwise it is left half made). Adds to @p slope (by linear.id). Once a forward pass. */
void llama_tape_backward(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                         const struct lora_slope *slope, struct llama_tape *tape, float *dh, bool below);

#endif
