/* SPDX-License-Identifier: Apache-2.0 */
#include "model/clip_backward.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/norm.h"
#include "ops/rows.h"

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- the tape's memory ---- */

struct widths {
    size_t hidden, inner, heads;
    size_t low_qkv, low_out, low1, low2;
    size_t w_qkv, w_out, w1, w2, wide;
};

static struct linear_group group_qkv(const struct clip_layer *l)
{
    return (struct linear_group){{&l->q, &l->k, &l->v}, 3};
}

/* Of all layers: an adapter may leave some out. */
static struct widths measure(const ops_context *ops, const struct clip *clip, const struct adapter *adapter,
                             size_t rows)
{
    struct widths w = {.hidden = clip->config.hidden, .inner = clip->config.intermediate, .heads = clip->config.heads};
    for (size_t i = 0; i < clip->depth; i++) {
        const struct clip_layer *l = &clip->layers[i];
        const struct linear_group groups[] = {group_qkv(l), linear_alone(&l->out), linear_alone(&l->fc1),
                                              linear_alone(&l->fc2)};
        size_t *const low[] = {&w.low_qkv, &w.low_out, &w.low1, &w.low2};
        size_t *const merged[] = {&w.w_qkv, &w.w_out, &w.w1, &w.w2};
        for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
            w.wide = most(w.wide, linear_group_wide(ops, &groups[g], adapter, rows));
            *low[g] = most(*low[g], linear_group_rank(&groups[g], adapter));
            *merged[g] = most(*merged[g], linear_group_merged(ops, &groups[g], adapter, rows));
        }
    }
    return w;
}

static size_t count_rows(const struct clip *clip, size_t images)
{
    return images * clip_tokens(&clip->config);
}

static struct clip_kept lay_out_kept(struct scratch *s, size_t *n, const struct widths *w, size_t rows)
{
    struct clip_kept k;
    float **const hidden[] = {&k.q, &k.k, &k.v, &k.out, &k.middle};
    float **const single[] = {&k.mean1, &k.rstd1, &k.mean2, &k.rstd2};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        *hidden[i] = scratch_piece(s, n, rows * w->hidden);
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        *single[i] = scratch_piece(s, n, rows);
    k.lse = scratch_piece(s, n, rows * w->heads);
    k.inner = scratch_piece(s, n, rows * w->inner);
    k.low_qkv = scratch_piece(s, n, rows * w->low_qkv);
    k.low_out = scratch_piece(s, n, rows * w->low_out);
    k.low1 = scratch_piece(s, n, rows * w->low1);
    k.low2 = scratch_piece(s, n, rows * w->low2);
    k.w_qkv = scratch_piece(s, n, w->w_qkv);
    k.w_out = scratch_piece(s, n, w->w_out);
    k.w1 = scratch_piece(s, n, w->w1);
    k.w2 = scratch_piece(s, n, w->w2);
    return k;
}

static void lay_out_work(struct clip_tape *tape, struct scratch *s, size_t *n, const struct clip *clip,
                         const struct widths *w, size_t rows)
{
    float **const hidden[] = {&tape->x, &tape->dx, &tape->dq, &tape->dk, &tape->dv, &tape->dout, &tape->dh};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        *hidden[i] = scratch_piece(s, n, rows * w->hidden);
    tape->inner = scratch_piece(s, n, rows * w->inner);
    tape->dlow = scratch_piece(s, n, rows * most(most(w->low_qkv, w->low_out), most(w->low1, w->low2)));
    tape->patches = scratch_piece(s, n, clip_patches(&clip->config) * clip->patch.cols);
    tape->wide = scratch_piece(s, n, w->wide);
}

size_t clip_tape_floats(const ops_context *ops, const struct clip *clip, const struct adapter *adapter, size_t images,
                        size_t kept)
{
    const size_t rows = count_rows(clip, images);
    const struct widths w = measure(ops, clip, adapter, rows);
    struct clip_tape none;
    size_t layer = 0, work = 0;
    lay_out_kept(NULL, &layer, &w, rows);
    lay_out_work(&none, NULL, &work, clip, &w, rows);
    return (clip->depth + 1) * scratch_round(rows * w.hidden) + kept * layer + work;
}

int clip_tape_init(struct trainer *t, struct clip_tape *out, const struct clip *clip, size_t images, size_t kept)
{
    assert(kept >= 1 && kept <= clip->depth);
    *out = (struct clip_tape){.kept = kept, .most_images = images};
    out->h = calloc(clip->depth + 1, sizeof *out->h);
    out->layers = calloc(kept, sizeof *out->layers);
    out->nodes = calloc(images + 1, sizeof *out->nodes);
    if (out->h != NULL && out->layers != NULL && out->nodes != NULL)
        return OPA_OK;
    clip_tape_release(out);
    return trainer_fail_memory(t);
}

void clip_tape_release(struct clip_tape *tape)
{
    free(tape->h);
    free(tape->layers);
    free(tape->nodes);
    *tape = (struct clip_tape){0};
}

void clip_tape_begin(const ops_context *ops, struct clip_tape *tape, const struct clip *clip,
                     const struct adapter *adapter, size_t images, struct scratch *s)
{
    const size_t rows = count_rows(clip, images), each = count_rows(clip, 1);
    const struct widths w = measure(ops, clip, adapter, rows);
    size_t n = 0;
    assert(images <= tape->most_images);
    tape->images = images;
    tape->rows = rows;
    for (size_t i = 0; i < images; i++)
        tape->nodes[i] = (ops_node){-1, i * each, each};
    for (size_t i = 0; i <= clip->depth; i++)
        tape->h[i] = scratch_piece(s, &n, rows * w.hidden);
    for (size_t i = 0; i < tape->kept; i++)
        tape->layers[i] = lay_out_kept(s, &n, &w, rows);
    lay_out_work(tape, s, &n, clip, &w, rows);
}

/* Where the activations of a layer are, or are made again. */
static struct clip_kept *kept_at(const struct clip_tape *tape, size_t layers, size_t layer)
{
    const size_t first = layers - tape->kept;
    return &tape->layers[layer < first ? 0 : layer - first];
}

/* ---- the tower, forward ---- */

static ops_attention_shape attention_shape(const struct clip_config *c)
{
    const size_t dim = c->hidden / c->heads;
    return (ops_attention_shape){.heads = c->heads,
                                 .kv_heads = c->heads,
                                 .head_dim = dim,
                                 .q_stride = c->hidden,
                                 .kv_stride = c->hidden,
                                 .out_stride = c->hidden,
                                 .scale = 1.0f / sqrtf((float)dim)};
}

static void layer_forward(const ops_context *ops, const struct clip *clip, const struct adapter *a, size_t index,
                          const struct clip_tape *tape)
{
    const struct clip_config *c = &clip->config;
    const struct clip_layer *l = &clip->layers[index];
    const struct clip_kept *k = kept_at(tape, clip->depth, index);
    const struct linear_group qkv = group_qkv(l), out = linear_alone(&l->out), fc1 = linear_alone(&l->fc1),
                              fc2 = linear_alone(&l->fc2);
    const ops_attention_shape shape = attention_shape(c);
    const size_t n = tape->rows;
    float *h = tape->h[index], *next = tape->h[index + 1];
    ops_layernorm_forward(ops, tape->x, k->mean1, k->rstd1, h, l->norm1.weight, l->norm1.bias, n, c->hidden,
                          (float)c->eps);
    linear_group_forward(ops, &qkv, a, (float *const[]){k->q, k->k, k->v}, tape->x, n, false, k->low_qkv, k->w_qkv);
    ops_attention_tree_forward(ops, k->out, k->lse, k->q, k->k, k->v, tape->nodes, tape->images, false, &shape);
    ops_copy(ops, k->middle, h, n * c->hidden);
    linear_group_forward(ops, &out, a, (float *const[]){k->middle}, k->out, n, true, k->low_out, k->w_out);
    ops_layernorm_forward(ops, tape->x, k->mean2, k->rstd2, k->middle, l->norm2.weight, l->norm2.bias, n, c->hidden,
                          (float)c->eps);
    linear_group_forward(ops, &fc1, a, (float *const[]){k->inner}, tape->x, n, false, k->low1, k->w1);
    ops_copy(ops, tape->inner, k->inner, n * c->intermediate);
    ops_activation_forward(ops, tape->inner, NULL, n, c->intermediate, c->activation);
    ops_copy(ops, next, k->middle, n * c->hidden);
    linear_group_forward(ops, &fc2, a, &next, tape->inner, n, true, k->low2, k->w2);
}

void clip_tape_forward(const ops_context *ops, const struct clip *clip, const struct adapter *adapter,
                       struct clip_tape *tape, float *out, const float *const pixels[])
{
    const size_t each = count_rows(clip, 1), hidden = clip->config.hidden, skip = clip->skip;
    for (size_t i = 0; i < tape->images; i++)
        clip_embed(ops, clip, tape->h[0] + i * each * hidden, pixels[i], tape->patches);
    for (size_t i = 0; i < clip->depth; i++)
        layer_forward(ops, clip, adapter, i, tape);
    for (size_t i = 0; i < tape->images; i++)
        memcpy(out + i * (each - skip) * hidden, tape->h[clip->depth] + (i * each + skip) * hidden,
               (each - skip) * hidden * sizeof *out);
}

/* ---- the tower, backward ---- */

static void mlp_backward(const ops_context *ops, const struct clip *clip, const struct adapter *a,
                         const struct lora_slope *slope, size_t index, const struct clip_tape *tape)
{
    const struct clip_config *c = &clip->config;
    const struct clip_layer *l = &clip->layers[index];
    const struct clip_kept *k = kept_at(tape, clip->depth, index);
    const struct linear_group fc1 = linear_alone(&l->fc1), fc2 = linear_alone(&l->fc2);
    const size_t n = tape->rows;
    float *dh = tape->dh;
    ops_copy(ops, tape->inner, k->inner, n * c->intermediate);
    ops_activation_forward(ops, tape->inner, NULL, n, c->intermediate, c->activation);
    float *dinner = tape->inner; /* first the activation for fc2's A, then its gradient */
    const float *const dout[] = {dh}, *const din[] = {dinner};
    linear_group_backward(ops, &fc2, a, dout, n, tape->dlow);
    linear_group_backward_w(ops, &fc2, a, slope, dout, tape->inner, k->low2, tape->dlow, n, tape->wide);
    linear_group_backward_x(ops, &fc2, a, dinner, dout, tape->dlow, n, k->w2);
    ops_activation_backward(ops, dinner, k->inner, n, c->intermediate, c->activation);
    linear_group_backward(ops, &fc1, a, din, n, tape->dlow);
    linear_group_backward_x(ops, &fc1, a, tape->dx, din, tape->dlow, n, k->w1);
    ops_layernorm_forward(ops, tape->x, NULL, NULL, k->middle, l->norm2.weight, l->norm2.bias, n, c->hidden,
                          (float)c->eps);
    linear_group_backward_w(ops, &fc1, a, slope, din, tape->x, k->low1, tape->dlow, n, tape->wide);
    ops_layernorm_backward(ops, dh, tape->dx, k->middle, l->norm2.weight, k->mean2, k->rstd2, n, c->hidden);
}

static void attention_backward(const ops_context *ops, const struct clip *clip, const struct adapter *a,
                               const struct lora_slope *slope, size_t index, const struct clip_tape *tape)
{
    const struct clip_config *c = &clip->config;
    const struct clip_layer *l = &clip->layers[index];
    const struct clip_kept *k = kept_at(tape, clip->depth, index);
    const struct linear_group qkv = group_qkv(l), out = linear_alone(&l->out);
    const ops_attention_shape shape = attention_shape(c);
    const float *const dqkv[] = {tape->dq, tape->dk, tape->dv}, *const dh[] = {tape->dh};
    const size_t n = tape->rows;
    linear_group_backward(ops, &out, a, dh, n, tape->dlow);
    linear_group_backward_x(ops, &out, a, tape->dout, dh, tape->dlow, n, k->w_out);
    linear_group_backward_w(ops, &out, a, slope, dh, k->out, k->low_out, tape->dlow, n, tape->wide);
    ops_attention_tree_backward(ops, tape->dq, tape->dk, tape->dv, tape->dout, k->out, k->lse, k->q, k->k, k->v,
                                tape->nodes, tape->images, false, &shape);
    linear_group_backward(ops, &qkv, a, dqkv, n, tape->dlow);
    ops_layernorm_forward(ops, tape->x, NULL, NULL, tape->h[index], l->norm1.weight, l->norm1.bias, n, c->hidden,
                          (float)c->eps);
    linear_group_backward_w(ops, &qkv, a, slope, dqkv, tape->x, k->low_qkv, tape->dlow, n, tape->wide);
    if (index == 0)
        return;
    linear_group_backward_x(ops, &qkv, a, tape->dx, dqkv, tape->dlow, n, k->w_qkv);
    ops_layernorm_backward(ops, tape->dh, tape->dx, tape->h[index], l->norm1.weight, k->mean1, k->rstd1, n, c->hidden);
}

void clip_tape_backward(const ops_context *ops, const struct clip *clip, const struct adapter *adapter,
                        const struct lora_slope *slope, struct clip_tape *tape, const float *dout)
{
    const size_t each = count_rows(clip, 1), hidden = clip->config.hidden, skip = clip->skip;
    memset(tape->dh, 0, tape->rows * hidden * sizeof *tape->dh);
    for (size_t i = 0; i < tape->images; i++)
        memcpy(tape->dh + (i * each + skip) * hidden, dout + i * (each - skip) * hidden,
               (each - skip) * hidden * sizeof *dout);
    for (size_t i = clip->depth; i-- > 0;) {
        if (i + tape->kept < clip->depth)
            layer_forward(ops, clip, adapter, i, tape);
        mlp_backward(ops, clip, adapter, slope, i, tape);
        attention_backward(ops, clip, adapter, slope, i, tape);
    }
}

/* ---- the projector ---- */

static void lay_out_projector(const ops_context *ops, struct projector_tape *tape, struct scratch *s, size_t *n,
                              const struct projector *p, const struct adapter *adapter, size_t rows)
{
    const struct linear_group first = linear_alone(&p->first), second = linear_alone(&p->second);
    const size_t low1 = linear_group_rank(&first, adapter), low2 = linear_group_rank(&second, adapter);
    const size_t width = p->first.w.rows;
    tape->rows = rows;
    tape->inner = scratch_piece(s, n, rows * width);
    tape->act = scratch_piece(s, n, rows * width);
    tape->low1 = scratch_piece(s, n, rows * low1);
    tape->low2 = scratch_piece(s, n, rows * low2);
    tape->dlow = scratch_piece(s, n, rows * most(low1, low2));
    tape->w1 = scratch_piece(s, n, linear_group_merged(ops, &first, adapter, rows));
    tape->w2 = scratch_piece(s, n, linear_group_merged(ops, &second, adapter, rows));
    tape->wide = scratch_piece(
        s, n, most(linear_group_wide(ops, &first, adapter, rows), linear_group_wide(ops, &second, adapter, rows)));
}

size_t projector_tape_floats(const ops_context *ops, const struct projector *projector, const struct adapter *adapter,
                             size_t rows)
{
    struct projector_tape none;
    size_t n = 0;
    lay_out_projector(ops, &none, NULL, &n, projector, adapter, rows);
    return n;
}

void projector_tape_begin(const ops_context *ops, struct projector_tape *tape, const struct projector *projector,
                          const struct adapter *adapter, size_t rows, struct scratch *s)
{
    size_t n = 0;
    lay_out_projector(ops, tape, s, &n, projector, adapter, rows);
}

void projector_tape_forward(const ops_context *ops, const struct projector *p, const struct adapter *adapter,
                            struct projector_tape *tape, float *out, const float *x)
{
    const struct linear_group first = linear_alone(&p->first), second = linear_alone(&p->second);
    const size_t width = p->first.w.rows;
    linear_group_forward(ops, &first, adapter, &tape->inner, x, tape->rows, false, tape->low1, tape->w1);
    ops_copy(ops, tape->act, tape->inner, tape->rows * width);
    ops_activation_forward(ops, tape->act, NULL, tape->rows, width, p->activation);
    linear_group_forward(ops, &second, adapter, &out, tape->act, tape->rows, false, tape->low2, tape->w2);
}

void projector_tape_backward(const ops_context *ops, const struct projector *p, const struct adapter *adapter,
                             const struct lora_slope *slope, struct projector_tape *tape, float *dx, const float *dout,
                             const float *x)
{
    const struct linear_group first = linear_alone(&p->first), second = linear_alone(&p->second);
    const size_t n = tape->rows;
    float *dinner = tape->act; /* the activation is read before its place takes the gradient */
    const float *const din[] = {dinner};
    linear_group_backward(ops, &second, adapter, &dout, n, tape->dlow);
    linear_group_backward_w(ops, &second, adapter, slope, &dout, tape->act, tape->low2, tape->dlow, n, tape->wide);
    linear_group_backward_x(ops, &second, adapter, dinner, &dout, tape->dlow, n, tape->w2);
    ops_activation_backward(ops, dinner, tape->inner, n, p->first.w.rows, p->activation);
    linear_group_backward(ops, &first, adapter, din, n, tape->dlow);
    linear_group_backward_w(ops, &first, adapter, slope, din, x, tape->low1, tape->dlow, n, tape->wide);
    if (dx != NULL)
        linear_group_backward_x(ops, &first, adapter, dx, din, tape->dlow, n, tape->w1);
}
