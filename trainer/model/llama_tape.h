/* SPDX-License-Identifier: Apache-2.0 */
/** @file llama_tape.h
 *  The memory of LLaMA's passes in training: what the way back needs of each layer.
 *
 *  The tape always has the input of every layer. Of the last @c kept layers it has all activations; a layer below is run
 *  again on its way back, in the place of the first kept layer, which is done with by then.
 */
#ifndef OPATRAIN_MODEL_LLAMA_TAPE_H
#define OPATRAIN_MODEL_LLAMA_TAPE_H

#include "model/linear_group.h"
#include "model/llama.h"

/* ---- layers that share an input ---- */

static inline struct linear_group llama_qkv(const struct llama_layer *l)
{
    return (struct linear_group){{&l->q, &l->k, &l->v}, 3};
}

/** Those of them that the last layer needs for all tokens. */
static inline struct linear_group llama_kv(const struct llama_layer *l)
{
    return (struct linear_group){{&l->k, &l->v}, 2};
}

static inline struct linear_group llama_mlp(const struct llama_layer *l)
{
    return (struct linear_group){{&l->gate, &l->up}, 2};
}

/* ---- the tape ---- */

/** The rows that matter behind the last attention: nothing else goes into the head. In a forest of OPA-DPO these are a quarter, so
 *  the last layer asks no other queries and makes neither its MLP nor anything of their way back. */
struct llama_last {
    const size_t *rows; /**< [count] tokens, ascending; of a node its last ones */
    size_t count;
    const size_t *queries; /**< [nodes] how many of a node's */
};

/** Activations of a layer, [tokens, width] each; of the last layer q and all behind it are [last.count, width]. */
struct llama_kept {
    float *q, *k, *v;                            /**< rotated */
    float *out, *lse;                            /**< of attention; lse [tokens, heads] */
    float *middle;                               /**< the residual stream between attention and MLP, hidden */
    float *gate, *up;                            /**< on the way back: their gradients */
    float *rstd1, *rstd2;                        /**< [tokens], of the norms */
    float *low_qkv, *low_o, *low_mlp, *low_down; /**< x A^T, [tokens, group rank] */
    float *w_qkv, *w_o, *w_mlp, *w_down;         /**< merged weights of the groups that go so */
};

struct llama_tape {
    size_t tokens, kept;
    struct llama_last last;
    float **h; /**< [layers + 1][tokens, hidden]: into each layer; behind the last [last.count, hidden] */
    struct llama_kept *layers; /**< [kept]; the last ones */
    ops_rope rope, rope_last;
    const struct tree *tree;
    /* working memory of all layers */
    float *x, *act;             /* hidden, intermediate */
    float *dx, *dlow;           /* hidden, the widest group's rank */
    float *dq, *dk, *dv, *dout; /* where act is: not needed at the same time */
    float *wide;                /* a linear layer's weights */
    float *tables;              /* of the ropes */
    int32_t *positions;         /* [last.count] */
};

/** Floats of the tape's pieces for a forest of @p tokens tokens, of which @p last matter behind the last attention. */
size_t llama_tape_floats(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                         size_t tokens, size_t last, size_t kept);

/** Pointers for @p layers layers; @p kept is at least 1. OPA_ENOMEM. */
int llama_tape_init(struct trainer *t, struct llama_tape *out, size_t layers, size_t kept);
void llama_tape_release(struct llama_tape *tape);

/** Cut the pieces for @p tree out of @p scratch; the caller then fills tape->h[0] [tokens, hidden]. */
void llama_tape_begin(const ops_context *ops, struct llama_tape *tape, const struct llama *llama,
                      const struct adapter *adapter, const struct tree *tree, const struct llama_last *last,
                      struct scratch *scratch);

#endif
