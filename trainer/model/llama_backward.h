/* SPDX-License-Identifier: Apache-2.0 */
/** @file llama_backward.h
 *  LLaMA's layers with what their gradients need kept on a tape, and the way back. Base weights are fixed: only inputs and low-rank
 *  changes have gradients.
 *
 *  The tape always has the input of every layer. Of the last @c kept layers it has all activations; a layer below is run
 *  again on its way back, in the place of the first kept layer, which is done with by then.
 */
#ifndef OPATRAIN_MODEL_LLAMA_BACKWARD_H
#define OPATRAIN_MODEL_LLAMA_BACKWARD_H

#include "model/llama.h"

/** Activations of a layer, [tokens, width] each. */
struct llama_kept {
    float *q, *k, *v;                            /**< rotated */
    float *out, *lse;                            /**< of attention; lse [tokens, heads] */
    float *middle;                               /**< the residual stream between attention and MLP, hidden */
    float *gate, *up;                            /**< on the way back: their gradients */
    float *rstd1, *rstd2;                        /**< [tokens], of the norms */
    float *low_qkv, *low_o, *low_mlp, *low_down; /**< x A^T, [tokens, group rank] */
};

struct llama_tape {
    size_t tokens, kept;
    float **h;                 /**< [layers + 1][tokens, hidden]: into each layer, and behind the last */
    struct llama_kept *layers; /**< [kept]; the last ones */
    ops_rope rope;
    const struct tree *tree;
    /* working memory of all layers */
    float *x, *act;             /* hidden, intermediate */
    float *dx, *dlow;           /* hidden, the widest group's rank */
    float *dq, *dk, *dv, *dout; /* where act is: not needed at the same time */
};

/** Floats of the tape's pieces for a forest of @p tokens tokens. */
size_t llama_tape_floats(const struct llama *llama, const struct adapter *adapter, size_t tokens, size_t kept);

/** Pointers for @p layers layers; @p kept is at least 1. OPA_ENOMEM. */
int llama_tape_init(struct trainer *t, struct llama_tape *out, size_t layers, size_t kept);
void llama_tape_release(struct llama_tape *tape);

/** Cut the pieces for @p tree out of @p scratch; the caller then fills tape->h[0] [tokens, hidden]. OPA_ENOMEM. */
int llama_tape_begin(struct trainer *t, struct llama_tape *tape, const struct llama *llama,
                     const struct adapter *adapter, const struct tree *tree, struct scratch *scratch);

/** All layers: tape->h[layers] is the residual stream behind the last one. */
void llama_tape_forward(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                        struct llama_tape *tape);

/** dh [tokens, hidden]: the gradient of tape->h[layers] on the way in and, where @p below, that of tape->h[0] on the way out
 *  (otherwise it is left half made). Adds to @p slope (by linear.id). Once a forward pass. */
void llama_tape_backward(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                         const struct lora_slope *slope, struct llama_tape *tape, float *dh, bool below);

#endif
