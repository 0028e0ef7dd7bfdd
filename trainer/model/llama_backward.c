/* SPDX-License-Identifier: Apache-2.0 */
#include "model/llama_backward.h"

#include <math.h>

#include "ops/activation.h"
#include "ops/norm.h"
#include "ops/rows.h"

/* ---- a layer of the pass ---- */

/* What its functions need. */
struct at {
    const ops_context *ops;
    const struct llama_config *c;
    const struct llama_layer *l;
    const struct adapter *a;
    const struct lora_slope *slope; /* on the way back */
    const struct llama_tape *tape;
    const struct llama_kept *k; /* where its activations are, or are made again */
    size_t index;
    bool last;
    size_t rows; /* of q and all behind it */
    ops_attention_shape shape;
};

static struct at at_layer(const ops_context *ops, const struct llama *llama, const struct adapter *a,
                          const struct llama_tape *tape, size_t index)
{
    const struct llama_config *c = &llama->config;
    const size_t first = c->layers - tape->kept, q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    struct at at = {ops, c, &llama->layers[index], a, NULL, tape};
    at.k = &tape->layers[index < first ? 0 : index - first];
    at.index = index;
    at.last = index + 1 == c->layers;
    at.rows = at.last ? tape->last.count : tape->tokens;
    at.shape = (ops_attention_shape){.heads = c->heads,
                                     .kv_heads = c->kv_heads,
                                     .head_dim = c->head_dim,
                                     .q_stride = q,
                                     .kv_stride = kv,
                                     .out_stride = q,
                                     .scale = 1.0f / sqrtf((float)c->head_dim),
                                     .queries = at.last ? tape->last.queries : NULL};
    return at;
}

/* to [last.count, hidden] = the rows of from [tokens, hidden] that matter; all of them where this is not the last layer. */
static void gather(const struct at *at, float *to, const float *from)
{
    const size_t width = at->c->hidden;
    if (at->last)
        ops_gather_rows(at->ops, to, from, at->tape->last.rows, at->rows, width);
    else
        ops_copy(at->ops, to, from, at->rows * width);
}

/* ---- forward ---- */

/* Of the last layer's k and v, behind its q's. */
static float *merged_kv(const struct at *at)
{
    const struct linear_group q = linear_alone(&at->l->q);
    return at->k->w_qkv + linear_group_merged(at->ops, &q, at->a, at->rows);
}

/* middle is free for the inputs of the last layer's queries, on both ways. */
static void make_qkv(const struct at *at)
{
    const struct llama_kept *k = at->k;
    const struct llama_tape *tape = at->tape;
    const struct linear_group qkv = llama_qkv(at->l), q = linear_alone(&at->l->q), kv = llama_kv(at->l);
    if (!at->last) {
        linear_group_forward(at->ops, &qkv, at->a, (float *const[]){k->q, k->k, k->v}, tape->x, tape->tokens, false,
                             k->low_qkv, k->w_qkv);
    } else {
        float *low_kv = k->low_qkv + at->rows * linear_group_rank(&q, at->a);
        gather(at, k->middle, tape->x);
        linear_group_forward(at->ops, &q, at->a, &(float *const){k->q}, k->middle, at->rows, false, k->low_qkv,
                             k->w_qkv);
        linear_group_forward(at->ops, &kv, at->a, (float *const[]){k->k, k->v}, tape->x, tape->tokens, false, low_kv,
                             merged_kv(at));
    }
    ops_rope_forward(at->ops, k->q, at->shape.q_stride, at->c->heads, at->last ? &tape->rope_last : &tape->rope);
    ops_rope_forward(at->ops, k->k, at->shape.kv_stride, at->c->kv_heads, &tape->rope);
}

/* A layer from its input to what its own gradients need: all but its output. */
static void layer_inside(const struct at *at)
{
    const ops_context *ops = at->ops;
    const struct llama_kept *k = at->k;
    const struct llama_tape *tape = at->tape;
    const struct linear_group o = linear_alone(&at->l->o), mlp = llama_mlp(at->l);
    const float *h = tape->h[at->index];
    ops_rmsnorm_forward(ops, tape->x, k->rstd1, h, at->l->input_norm, tape->tokens, at->c->hidden,
                        (float)at->c->rms_eps);
    make_qkv(at);
    ops_attention_tree_forward(ops, k->out, k->lse, k->q, k->k, k->v, tape->tree->nodes, tape->tree->node_count, true,
                               &at->shape);
    gather(at, k->middle, h);
    linear_group_forward(ops, &o, at->a, &(float *const){k->middle}, k->out, at->rows, true, k->low_o, k->w_o);
    ops_rmsnorm_forward(ops, tape->x, k->rstd2, k->middle, at->l->post_norm, at->rows, at->c->hidden,
                        (float)at->c->rms_eps);
    linear_group_forward(ops, &mlp, at->a, (float *const[]){k->gate, k->up}, tape->x, at->rows, false, k->low_mlp,
                         k->w_mlp);
}

/* Its output: the next layer's input. */
static void layer_finish(const struct at *at)
{
    const struct llama_kept *k = at->k;
    const struct llama_tape *tape = at->tape;
    const struct linear_group down = linear_alone(&at->l->down);
    float *next = tape->h[at->index + 1];
    ops_silu_mul_forward(at->ops, tape->act, k->gate, k->up, at->c->intermediate, at->rows, at->c->intermediate);
    ops_copy(at->ops, next, k->middle, at->rows * at->c->hidden);
    linear_group_forward(at->ops, &down, at->a, &next, tape->act, at->rows, true, k->low_down, k->w_down);
}

/* What the way back needs of the last product, where only that is missing. */
static void layer_again(const struct at *at)
{
    const struct llama_kept *k = at->k;
    const struct linear_group down = linear_alone(&at->l->down);
    ops_silu_mul_forward(at->ops, at->tape->act, k->gate, k->up, at->c->intermediate, at->rows, at->c->intermediate);
    linear_group_again(at->ops, &down, at->a, at->tape->act, at->rows, k->low_down, k->w_down);
}

void llama_tape_forward(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                        struct llama_tape *tape)
{
    for (size_t i = 0; i < llama->config.layers; i++) {
        const struct at at = at_layer(ops, llama, adapter, tape, i);
        layer_inside(&at);
        layer_finish(&at);
    }
}

/* ---- backward: the forward pass's lines from the last to the first ---- */

static void mlp_backward(const struct at *at, float *dh)
{
    const ops_context *ops = at->ops;
    const struct llama_kept *k = at->k;
    const struct llama_tape *tape = at->tape;
    const struct linear_group down = linear_alone(&at->l->down), mlp = llama_mlp(at->l);
    const size_t n = at->rows;
    const float *const dmlp[] = {k->gate, k->up}, *const dout[] = {dh};
    linear_group_backward(ops, &down, at->a, dout, n, tape->dlow);
    linear_group_backward_x(ops, &down, at->a, tape->act, dout, tape->dlow, n, k->w_down);
    ops_silu_mul_backward(ops, k->gate, k->up, tape->act, n, at->c->intermediate);
    linear_group_backward_w(ops, &down, at->a, at->slope, dout, tape->act, k->low_down, tape->dlow, n, tape->wide);
    linear_group_backward(ops, &mlp, at->a, dmlp, n, tape->dlow);
    linear_group_backward_x(ops, &mlp, at->a, tape->dx, dmlp, tape->dlow, n, k->w_mlp);
    ops_rmsnorm_forward(ops, tape->x, NULL, k->middle, at->l->post_norm, n, at->c->hidden, (float)at->c->rms_eps);
    linear_group_backward_w(ops, &mlp, at->a, at->slope, dmlp, tape->x, k->low_mlp, tape->dlow, n, tape->wide);
    ops_rmsnorm_backward(ops, dh, tape->dx, k->middle, at->l->post_norm, k->rstd2, n, at->c->hidden);
}

/* From dq, dk and dv to the gradients of their weights and, where @p below, dx [tokens, hidden]. */
static void qkv_backward(const struct at *at, bool below)
{
    const struct llama_kept *k = at->k;
    const struct llama_tape *tape = at->tape;
    const struct linear_group qkv = llama_qkv(at->l);
    const float *const dqkv[] = {tape->dq, tape->dk, tape->dv};
    linear_group_backward(at->ops, &qkv, at->a, dqkv, tape->tokens, tape->dlow);
    linear_group_backward_w(at->ops, &qkv, at->a, at->slope, dqkv, tape->x, k->low_qkv, tape->dlow, tape->tokens,
                            tape->wide);
    if (below)
        linear_group_backward_x(at->ops, &qkv, at->a, tape->dx, dqkv, tape->dlow, tape->tokens, k->w_qkv);
}

/* The same of the last layer. */
static void qkv_backward_last(const struct at *at, bool below)
{
    const ops_context *ops = at->ops;
    const struct llama_kept *k = at->k;
    const struct llama_tape *tape = at->tape;
    const struct linear_group q = linear_alone(&at->l->q), kv = llama_kv(at->l);
    const float *const dq[] = {tape->dq}, *const dkv[] = {tape->dk, tape->dv};
    const float *low_kv = k->low_qkv + at->rows * linear_group_rank(&q, at->a);
    linear_group_backward(ops, &kv, at->a, dkv, tape->tokens, tape->dlow);
    linear_group_backward_w(ops, &kv, at->a, at->slope, dkv, tape->x, low_kv, tape->dlow, tape->tokens, tape->wide);
    if (below)
        linear_group_backward_x(ops, &kv, at->a, tape->dx, dkv, tape->dlow, tape->tokens, merged_kv(at));
    gather(at, k->middle, tape->x);
    linear_group_backward(ops, &q, at->a, dq, at->rows, tape->dlow);
    linear_group_backward_w(ops, &q, at->a, at->slope, dq, k->middle, k->low_qkv, tape->dlow, at->rows, tape->wide);
    if (!below)
        return;
    linear_group_backward_x(ops, &q, at->a, k->middle, dq, tape->dlow, at->rows, k->w_qkv);
    ops_add_rows(ops, tape->dx, k->middle, tape->last.rows, at->rows, at->c->hidden);
}

static void attention_backward(const struct at *at, float *dh, bool below)
{
    const ops_context *ops = at->ops;
    const struct llama_kept *k = at->k;
    const struct llama_tape *tape = at->tape;
    const struct linear_group o = linear_alone(&at->l->o);
    const float *const dout[] = {dh}, *h = tape->h[at->index];
    linear_group_backward(ops, &o, at->a, dout, at->rows, tape->dlow);
    linear_group_backward_x(ops, &o, at->a, tape->dout, dout, tape->dlow, at->rows, k->w_o);
    linear_group_backward_w(ops, &o, at->a, at->slope, dout, k->out, k->low_o, tape->dlow, at->rows, tape->wide);
    ops_attention_tree_backward(ops, tape->dq, tape->dk, tape->dv, tape->dout, k->out, k->lse, k->q, k->k, k->v,
                                tape->tree->nodes, tape->tree->node_count, true, &at->shape);
    ops_rope_backward(ops, tape->dq, at->shape.q_stride, at->c->heads, at->last ? &tape->rope_last : &tape->rope);
    ops_rope_backward(ops, tape->dk, at->shape.kv_stride, at->c->kv_heads, &tape->rope);
    ops_rmsnorm_forward(ops, tape->x, NULL, h, at->l->input_norm, tape->tokens, at->c->hidden, (float)at->c->rms_eps);
    if (at->last)
        qkv_backward_last(at, below);
    else
        qkv_backward(at, below);
    if (!below)
        return;
    if (at->last)
        ops_spread_rows(dh, tape->last.rows, at->rows, tape->tokens, at->c->hidden);
    ops_rmsnorm_backward(ops, dh, tape->dx, h, at->l->input_norm, k->rstd1, tape->tokens, at->c->hidden);
}

void llama_tape_backward(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                         const struct lora_slope *slope, struct llama_tape *tape, float *dh, bool below)
{
    const size_t layers = llama->config.layers;
    for (size_t i = layers; i-- > 0;) {
        struct at at = at_layer(ops, llama, adapter, tape, i);
        at.slope = slope;
        if (i + tape->kept < layers) {
            layer_inside(&at);
            layer_again(&at);
        }
        mlp_backward(&at, dh);
        attention_backward(&at, dh, below || i > 0);
    }
}
