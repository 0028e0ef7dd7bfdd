/* SPDX-License-Identifier: Apache-2.0 */
#include "model/llama_backward.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/activation.h"
#include "ops/norm.h"
#include "ops/rows.h"

/* ---- layers that share an input ---- */

static struct linear_group group_qkv(const struct llama_layer *l)
{
    return (struct linear_group){{&l->q, &l->k, &l->v}, 3};
}

/* Those of them that the last layer needs for all tokens. */
static struct linear_group group_kv(const struct llama_layer *l)
{
    return (struct linear_group){{&l->k, &l->v}, 2};
}

static struct linear_group group_mlp(const struct llama_layer *l)
{
    return (struct linear_group){{&l->gate, &l->up}, 2};
}

/* ---- the tape's memory ---- */

struct widths {
    size_t hidden, q, kv, inner, heads, half;
    size_t low_qkv, low_o, low_mlp, low_down;
    size_t w_qkv, w_o, w_mlp, w_down, wide;
};

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Of all layers: an adapter may leave some out. */
static struct widths measure(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                             size_t tokens)
{
    const struct llama_config *c = &llama->config;
    struct widths w = {.hidden = c->hidden,
                       .q = c->heads * c->head_dim,
                       .kv = c->kv_heads * c->head_dim,
                       .inner = c->intermediate,
                       .heads = c->heads,
                       .half = c->head_dim / 2};
    for (size_t i = 0; i < c->layers; i++) {
        const struct llama_layer *l = &llama->layers[i];
        const struct linear_group groups[] = {group_qkv(l),           linear_alone(&l->o), group_mlp(l),
                                              linear_alone(&l->down), linear_alone(&l->q), group_kv(l)};
        size_t *const low[] = {&w.low_qkv, &w.low_o, &w.low_mlp, &w.low_down};
        size_t *const merged[] = {&w.w_qkv, &w.w_o, &w.w_mlp, &w.w_down};
        for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
            w.wide = most(w.wide, linear_group_wide(ops, &groups[g], adapter, tokens));
            if (g < 4) {
                *low[g] = most(*low[g], linear_group_rank(&groups[g], adapter));
                *merged[g] = most(*merged[g], linear_group_merged(ops, &groups[g], adapter, tokens));
            }
        }
        w.w_qkv = most(w.w_qkv, linear_group_merged(ops, &groups[4], adapter, tokens) +
                                    linear_group_merged(ops, &groups[5], adapter, tokens));
    }
    return w;
}

/* @p rows: those of q and all behind it. */
static struct llama_kept lay_out_kept(struct scratch *s, size_t *n, const struct widths *w, size_t tokens, size_t rows)
{
    struct llama_kept k;
    k.q = scratch_piece(s, n, rows * w->q);
    k.k = scratch_piece(s, n, tokens * w->kv);
    k.v = scratch_piece(s, n, tokens * w->kv);
    k.out = scratch_piece(s, n, rows * w->q);
    k.lse = scratch_piece(s, n, rows * w->heads);
    k.middle = scratch_piece(s, n, rows * w->hidden);
    k.gate = scratch_piece(s, n, rows * w->inner);
    k.up = scratch_piece(s, n, rows * w->inner);
    k.rstd1 = scratch_piece(s, n, tokens);
    k.rstd2 = scratch_piece(s, n, rows);
    k.low_qkv = scratch_piece(s, n, tokens * w->low_qkv);
    k.low_o = scratch_piece(s, n, rows * w->low_o);
    k.low_mlp = scratch_piece(s, n, rows * w->low_mlp);
    k.low_down = scratch_piece(s, n, rows * w->low_down);
    k.w_qkv = scratch_piece(s, n, w->w_qkv);
    k.w_o = scratch_piece(s, n, w->w_o);
    k.w_mlp = scratch_piece(s, n, w->w_mlp);
    k.w_down = scratch_piece(s, n, w->w_down);
    return k;
}

static void lay_out_work(struct llama_tape *tape, struct scratch *s, size_t *n, const struct widths *w, size_t tokens,
                         size_t last)
{
    const size_t q = scratch_round(tokens * w->q), kv = scratch_round(tokens * w->kv);
    tape->x = scratch_piece(s, n, tokens * w->hidden);
    tape->dx = scratch_piece(s, n, tokens * w->hidden);
    tape->dlow = scratch_piece(s, n, tokens * most(most(w->low_qkv, w->low_o), most(w->low_mlp, w->low_down)));
    tape->act = scratch_piece(s, n, most(tokens * w->inner, 2 * q + 2 * kv));
    tape->wide = scratch_piece(s, n, w->wide);
    tape->tables = scratch_piece(s, n, 2 * (tokens + last) * w->half);
    tape->positions = (int32_t *)scratch_piece(s, n, last);
    if (s == NULL)
        return;
    tape->dq = tape->act;
    tape->dout = tape->dq + q;
    tape->dk = tape->dout + q;
    tape->dv = tape->dk + kv;
}

/* Everything but pointers to layers. The place of the first kept layer is every lower layer's, too. */
static void lay_out(struct llama_tape *tape, struct scratch *s, size_t *n, const struct widths *w, size_t layers,
                    size_t tokens, size_t last)
{
    for (size_t i = 0; i <= layers; i++) {
        float *h = scratch_piece(s, n, (i < layers ? tokens : last) * w->hidden);
        if (s != NULL)
            tape->h[i] = h;
    }
    for (size_t i = 0; i < tape->kept; i++) {
        const struct llama_kept k = lay_out_kept(s, n, w, tokens, i > 0 && i + 1 == tape->kept ? last : tokens);
        if (s != NULL)
            tape->layers[i] = k;
    }
    lay_out_work(tape, s, n, w, tokens, last);
}

size_t llama_tape_floats(const ops_context *ops, const struct llama *llama, const struct adapter *adapter,
                         size_t tokens, size_t last, size_t kept)
{
    const struct widths w = measure(ops, llama, adapter, tokens);
    struct llama_tape none = {.kept = kept};
    size_t n = 0;
    lay_out(&none, NULL, &n, &w, llama->config.layers, tokens, last);
    return n;
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
    *tape = (struct llama_tape){0};
}

void llama_tape_begin(const ops_context *ops, struct llama_tape *tape, const struct llama *llama,
                      const struct adapter *adapter, const struct tree *tree, const struct llama_last *last,
                      struct scratch *s)
{
    const struct widths w = measure(ops, llama, adapter, tree->tokens);
    size_t n = 0;
    tape->tree = tree;
    tape->tokens = tree->tokens;
    tape->last = *last;
    lay_out(tape, s, &n, &w, llama->config.layers, tree->tokens, last->count);
    for (size_t i = 0; i < last->count; i++)
        tape->positions[i] = tree->positions[last->rows[i]];
    ops_rope_fill(&tape->rope, tape->tables, tree->positions, tree->tokens, llama->inv_freq, w.half, 1);
    ops_rope_fill(&tape->rope_last, tape->tables + 2 * tree->tokens * w.half, tape->positions, last->count,
                  llama->inv_freq, w.half, 1);
}

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
    const struct linear_group qkv = group_qkv(at->l), q = linear_alone(&at->l->q), kv = group_kv(at->l);
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
    const struct linear_group o = linear_alone(&at->l->o), mlp = group_mlp(at->l);
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
    const struct linear_group down = linear_alone(&at->l->down), mlp = group_mlp(at->l);
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
    const struct linear_group qkv = group_qkv(at->l);
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
    const struct linear_group q = linear_alone(&at->l->q), kv = group_kv(at->l);
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
