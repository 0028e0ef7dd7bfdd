/* SPDX-License-Identifier: Apache-2.0 */
#include "model/llama_backward.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/activation.h"
#include "ops/norm.h"

/* ---- layers that share an input ---- */

static struct linear_group group_qkv(const struct llama_layer *l)
{
    return (struct linear_group){{&l->q, &l->k, &l->v}, 3};
}

static struct linear_group group_mlp(const struct llama_layer *l)
{
    return (struct linear_group){{&l->gate, &l->up}, 2};
}

/* ---- the tape's memory ---- */

struct widths {
    size_t hidden, q, kv, inner, heads;
    size_t low_qkv, low_o, low_mlp, low_down;
};

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Of all layers: an adapter may leave some out. */
static struct widths measure(const struct llama *llama, const struct adapter *adapter)
{
    const struct llama_config *c = &llama->config;
    struct widths w = {c->hidden, c->heads * c->head_dim, c->kv_heads * c->head_dim, c->intermediate, c->heads, 0, 0, 0,
                       0};
    for (size_t i = 0; i < c->layers; i++) {
        const struct llama_layer *l = &llama->layers[i];
        const struct linear_group qkv = group_qkv(l), o = linear_alone(&l->o), mlp = group_mlp(l),
                                  down = linear_alone(&l->down);
        w.low_qkv = most(w.low_qkv, linear_group_rank(&qkv, adapter));
        w.low_o = most(w.low_o, linear_group_rank(&o, adapter));
        w.low_mlp = most(w.low_mlp, linear_group_rank(&mlp, adapter));
        w.low_down = most(w.low_down, linear_group_rank(&down, adapter));
    }
    return w;
}

static struct llama_kept lay_out_kept(struct scratch *s, size_t *n, const struct widths *w, size_t tokens)
{
    struct llama_kept k;
    k.q = scratch_piece(s, n, tokens * w->q);
    k.k = scratch_piece(s, n, tokens * w->kv);
    k.v = scratch_piece(s, n, tokens * w->kv);
    k.out = scratch_piece(s, n, tokens * w->q);
    k.lse = scratch_piece(s, n, tokens * w->heads);
    k.middle = scratch_piece(s, n, tokens * w->hidden);
    k.gate = scratch_piece(s, n, tokens * w->inner);
    k.up = scratch_piece(s, n, tokens * w->inner);
    k.rstd1 = scratch_piece(s, n, tokens);
    k.rstd2 = scratch_piece(s, n, tokens);
    k.low_qkv = scratch_piece(s, n, tokens * w->low_qkv);
    k.low_o = scratch_piece(s, n, tokens * w->low_o);
    k.low_mlp = scratch_piece(s, n, tokens * w->low_mlp);
    k.low_down = scratch_piece(s, n, tokens * w->low_down);
    return k;
}

static void lay_out_work(struct llama_tape *tape, struct scratch *s, size_t *n, const struct widths *w, size_t tokens)
{
    const size_t q = scratch_round(tokens * w->q), kv = scratch_round(tokens * w->kv);
    tape->x = scratch_piece(s, n, tokens * w->hidden);
    tape->dx = scratch_piece(s, n, tokens * w->hidden);
    tape->dlow = scratch_piece(s, n, tokens * most(most(w->low_qkv, w->low_o), most(w->low_mlp, w->low_down)));
    tape->act = scratch_piece(s, n, most(tokens * w->inner, 2 * q + 2 * kv));
    if (s == NULL)
        return;
    tape->dq = tape->act;
    tape->dout = tape->dq + q;
    tape->dk = tape->dout + q;
    tape->dv = tape->dk + kv;
}

size_t llama_tape_floats(const struct llama *llama, const struct adapter *adapter, size_t tokens, size_t kept)
{
    const struct widths w = measure(llama, adapter);
    struct llama_tape none;
    size_t layer = 0, work = 0;
    lay_out_kept(NULL, &layer, &w, tokens);
    lay_out_work(&none, NULL, &work, &w, tokens);
    return (llama->config.layers + 1) * scratch_round(tokens * w.hidden) + kept * layer + work;
}

int llama_tape_init(struct trainer *t, struct llama_tape *out, size_t layers, size_t kept)
{
    assert(kept >= 1 && kept <= layers);
    *out = (struct llama_tape){.kept = kept};
    out->h = calloc(layers + 1, sizeof *out->h);
    out->layers = calloc(kept, sizeof *out->layers);
    if (out->h != NULL && out->layers != NULL)
        return OPA_OK;
    llama_tape_release(out);
    return trainer_fail_memory(t);
}

void llama_tape_release(struct llama_tape *tape)
{
    free(tape->h);
    free(tape->layers);
    ops_rope_release(&tape->rope);
    *tape = (struct llama_tape){0};
}

int llama_tape_begin(struct trainer *t, struct llama_tape *tape, const struct llama *llama,
                     const struct adapter *adapter, const struct tree *tree, struct scratch *s)
{
    const struct widths w = measure(llama, adapter);
    size_t n = 0;
    tape->tree = tree;
    tape->tokens = tree->tokens;
    for (size_t i = 0; i <= llama->config.layers; i++)
        tape->h[i] = scratch_piece(s, &n, tree->tokens * w.hidden);
    for (size_t i = 0; i < tape->kept; i++)
        tape->layers[i] = lay_out_kept(s, &n, &w, tree->tokens);
    lay_out_work(tape, s, &n, &w, tree->tokens);
    ops_rope_release(&tape->rope);
    if (ops_rope_init(&tape->rope, tree->positions, tree->tokens, llama->inv_freq, llama->config.head_dim / 2, 1) != 0)
        return trainer_fail_memory(t);
    return OPA_OK;
}

/* Where the activations of a layer are, or are made again. */
static struct llama_kept *kept_at(const struct llama_tape *tape, size_t layers, size_t layer)
{
    const size_t first = layers - tape->kept;
    return &tape->layers[layer < first ? 0 : layer - first];
}

/* ---- forward ---- */

static ops_attention_shape attention_shape(const struct llama_config *c)
{
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    return (ops_attention_shape){.heads = c->heads,
                                 .kv_heads = c->kv_heads,
                                 .head_dim = c->head_dim,
                                 .q_stride = q,
                                 .kv_stride = kv,
                                 .out_stride = q,
                                 .scale = 1.0f / sqrtf((float)c->head_dim)};
}

/* A layer from its input to what its own gradients need: all but its output. */
static void layer_inside(const ops_context *ops, const struct llama *llama, const struct adapter *a, size_t index,
                         const struct llama_tape *tape, const struct llama_kept *k)
{
    const struct llama_config *c = &llama->config;
    const struct llama_layer *l = &llama->layers[index];
    const struct linear_group qkv = group_qkv(l), o = linear_alone(&l->o), mlp = group_mlp(l);
    const ops_attention_shape shape = attention_shape(c);
    const size_t n = tape->tokens;
    const float *h = tape->h[index];
    ops_rmsnorm_forward(ops, tape->x, k->rstd1, h, l->input_norm, n, c->hidden, (float)c->rms_eps);
    linear_group_forward(ops, &qkv, a, (float *const[]){k->q, k->k, k->v}, tape->x, n, false, k->low_qkv);
    ops_rope_forward(ops, k->q, shape.q_stride, c->heads, &tape->rope);
    ops_rope_forward(ops, k->k, shape.kv_stride, c->kv_heads, &tape->rope);
    ops_attention_tree_forward(ops, k->out, k->lse, k->q, k->k, k->v, tape->tree->nodes, tape->tree->node_count, true,
                               &shape);
    memcpy(k->middle, h, n * c->hidden * sizeof *h);
    linear_group_forward(ops, &o, a, (float *const[]){k->middle}, k->out, n, true, k->low_o);
    ops_rmsnorm_forward(ops, tape->x, k->rstd2, k->middle, l->post_norm, n, c->hidden, (float)c->rms_eps);
    linear_group_forward(ops, &mlp, a, (float *const[]){k->gate, k->up}, tape->x, n, false, k->low_mlp);
}

/* Its output: the next layer's input. */
static void layer_finish(const ops_context *ops, const struct llama *llama, const struct adapter *a, size_t index,
                         const struct llama_tape *tape, const struct llama_kept *k)
{
    const struct llama_config *c = &llama->config;
    const struct linear_group down = linear_alone(&llama->layers[index].down);
    float *next = tape->h[index + 1];
    ops_silu_mul_forward(ops, tape->act, k->gate, k->up, c->intermediate, tape->tokens, c->intermediate);
    memcpy(next, k->middle, tape->tokens * c->hidden * sizeof *next);
    linear_group_forward(ops, &down, a, &next, tape->act, tape->tokens, true, k->low_down);
}

/* The low-rank rows of the last product, where only they are missing. */
static void layer_low_down(const ops_context *ops, const struct llama *llama, const struct adapter *a, size_t index,
                           const struct llama_tape *tape, const struct llama_kept *k)
{
    const struct llama_config *c = &llama->config;
    const struct lora *lora = &a->of[llama->layers[index].down.id];
    if (lora->rank == 0)
        return;
    ops_silu_mul_forward(ops, tape->act, k->gate, k->up, c->intermediate, tape->tokens, c->intermediate);
    ops_gemm_nt(ops, k->low_down, lora->rank, ops_rows(tape->act, tape->tokens, c->intermediate), lora->a, 1, 0);
}

void llama_tape_forward(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                        struct llama_tape *tape)
{
    for (size_t i = 0; i < llama->config.layers; i++) {
        const struct llama_kept *k = kept_at(tape, llama->config.layers, i);
        layer_inside(ops, llama, adapter, i, tape, k);
        layer_finish(ops, llama, adapter, i, tape, k);
    }
}

/* ---- backward: the forward pass's lines from the last to the first ---- */

static void mlp_backward(const ops_context *ops, const struct llama *llama, const struct adapter *a,
                         const struct lora_slope *slope, size_t index, const struct llama_tape *tape,
                         const struct llama_kept *k, float *dh)
{
    const struct llama_config *c = &llama->config;
    const struct llama_layer *l = &llama->layers[index];
    const struct linear_group down = linear_alone(&l->down), mlp = group_mlp(l);
    const size_t n = tape->tokens;
    const float *const dmlp[] = {k->gate, k->up};
    linear_group_backward(ops, &down, a, slope, (const float *const[]){dh}, k->low_down, n, tape->dlow);
    linear_group_backward_x(ops, &down, a, tape->act, (const float *const[]){dh}, tape->dlow, n);
    ops_silu_mul_backward(ops, k->gate, k->up, tape->act, n, c->intermediate);
    linear_group_backward_a(ops, &down, a, slope, tape->act, tape->dlow, n);
    linear_group_backward(ops, &mlp, a, slope, dmlp, k->low_mlp, n, tape->dlow);
    linear_group_backward_x(ops, &mlp, a, tape->dx, dmlp, tape->dlow, n);
    ops_rmsnorm_forward(ops, tape->x, NULL, k->middle, l->post_norm, n, c->hidden, (float)c->rms_eps);
    linear_group_backward_a(ops, &mlp, a, slope, tape->x, tape->dlow, n);
    ops_rmsnorm_backward(ops, dh, tape->dx, k->middle, l->post_norm, k->rstd2, n, c->hidden);
}

static void attention_backward(const ops_context *ops, const struct llama *llama, const struct adapter *a,
                               const struct lora_slope *slope, size_t index, const struct llama_tape *tape,
                               const struct llama_kept *k, float *dh, bool below)
{
    const struct llama_config *c = &llama->config;
    const struct llama_layer *l = &llama->layers[index];
    const struct linear_group qkv = group_qkv(l), o = linear_alone(&l->o);
    const ops_attention_shape shape = attention_shape(c);
    const size_t n = tape->tokens;
    const float *const dqkv[] = {tape->dq, tape->dk, tape->dv};
    linear_group_backward(ops, &o, a, slope, (const float *const[]){dh}, k->low_o, n, tape->dlow);
    linear_group_backward_x(ops, &o, a, tape->dout, (const float *const[]){dh}, tape->dlow, n);
    linear_group_backward_a(ops, &o, a, slope, k->out, tape->dlow, n);
    ops_attention_tree_backward(ops, tape->dq, tape->dk, tape->dv, tape->dout, k->out, k->lse, k->q, k->k, k->v,
                                tape->tree->nodes, tape->tree->node_count, true, &shape);
    ops_rope_backward(ops, tape->dq, shape.q_stride, c->heads, &tape->rope);
    ops_rope_backward(ops, tape->dk, shape.kv_stride, c->kv_heads, &tape->rope);
    linear_group_backward(ops, &qkv, a, slope, dqkv, k->low_qkv, n, tape->dlow);
    ops_rmsnorm_forward(ops, tape->x, NULL, tape->h[index], l->input_norm, n, c->hidden, (float)c->rms_eps);
    linear_group_backward_a(ops, &qkv, a, slope, tape->x, tape->dlow, n);
    if (!below)
        return;
    linear_group_backward_x(ops, &qkv, a, tape->dx, dqkv, tape->dlow, n);
    ops_rmsnorm_backward(ops, dh, tape->dx, tape->h[index], l->input_norm, k->rstd1, n, c->hidden);
}

void llama_tape_backward(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                         const struct lora_slope *slope, struct llama_tape *tape, float *dh, bool below)
{
    const size_t layers = llama->config.layers;
    for (size_t i = layers; i-- > 0;) {
        const struct llama_kept *k = kept_at(tape, layers, i);
        if (i + tape->kept < layers) {
            layer_inside(ops, llama, adapter, i, tape, k);
            layer_low_down(ops, llama, adapter, i, tape, k);
        }
        mlp_backward(ops, llama, adapter, slope, i, tape, k, dh);
        attention_backward(ops, llama, adapter, slope, i, tape, k, dh, below || i > 0);
    }
}
