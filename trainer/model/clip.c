/* SPDX-License-Identifier: Apache-2.0 */
#include "model/clip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/attention.h"
#include "ops/norm.h"

/* ---- names and shapes ---- */

static struct clip_norm load_norm(struct loader *l, const char *name, size_t size)
{
    char full[64];
    struct clip_norm norm;
    snprintf(full, sizeof full, "%s.weight", name);
    norm.weight = loader_vector(l, full, size);
    snprintf(full, sizeof full, "%s.bias", name);
    norm.bias = loader_vector(l, full, size);
    return norm;
}

static void load_layer(struct loader *l, struct clip_layer *out, const struct clip_config *c, size_t i)
{
    const size_t h = c->hidden, m = c->intermediate;
    loader_at(l, PART_VISION, "encoder.layers.%zu.", i);
    out->norm1 = load_norm(l, "layer_norm1", h);
    out->norm2 = load_norm(l, "layer_norm2", h);
    loader_linear(l, &out->q, "self_attn.q_proj", h, h, true);
    loader_linear(l, &out->k, "self_attn.k_proj", h, h, true);
    loader_linear(l, &out->v, "self_attn.v_proj", h, h, true);
    loader_linear(l, &out->out, "self_attn.out_proj", h, h, true);
    loader_linear(l, &out->fc1, "mlp.fc1", m, h, true);
    loader_linear(l, &out->fc2, "mlp.fc2", h, m, true);
}

int clip_load(struct loader *l, struct clip *out, const struct model_config *config)
{
    const struct clip_config *c = &config->vision;
    const bool siglip = c->tower == TOWER_SIGLIP;
    *out = (struct clip){
        .config = *c, .depth = model_vision_depth(config), .skip = clip_tokens(c) - model_view_rows(config)};
    out->layers = calloc(c->layers, sizeof *out->layers);
    if (out->layers == NULL)
        return l->status = trainer_fail_memory(l->t);
    loader_at(l, PART_VISION, "embeddings.");
    if (!siglip)
        out->class_row = loader_vector(l, "class_embedding", c->hidden);
    out->patch = loader_matrix(l, "patch_embedding.weight", c->hidden, 3 * c->patch_size * c->patch_size);
    if (siglip)
        out->patch_bias = loader_vector(l, "patch_embedding.bias", c->hidden);
    out->positions = loader_table(l, "position_embedding.weight", clip_tokens(c), c->hidden);
    loader_top(l, PART_VISION);
    if (!siglip)
        out->pre = load_norm(l, "pre_layrnorm", c->hidden); /* its spelling, ever since */
    for (size_t i = 0; i < c->layers && l->status == OPA_OK; i++)
        load_layer(l, &out->layers[i], c, i);
    return l->status;
}

void clip_release(struct clip *clip)
{
    free(clip->layers);
    *clip = (struct clip){0};
}

/* ---- forward ---- */

struct work {
    size_t images, rows, width;         /* rows: tokens of all images */
    float *x, *q, *k, *v, *out, *inner; /* [rows, hidden], inner [rows, intermediate] */
    float *low;                         /* adapters */
    ops_node *nodes;
};

/* Patch y, x of channel c becomes a row's run: [patches, 3 * patch * patch]. */
static void cut_patches(float *out, const float *pixels, const struct clip_config *c)
{
    const size_t p = c->patch_size, s = c->image_size, side = s / p;
    for (size_t i = 0; i < side * side; i++) {
        const float *corner = pixels + i / side * p * s + i % side * p;
        for (size_t channel = 0; channel < 3; channel++) {
            for (size_t y = 0; y < p; y++, out += p)
                memcpy(out, corner + channel * s * s + y * s, p * sizeof *out);
        }
    }
}

/* h [tokens, hidden] of one image: class token (CLIP) and patches, with positions. */
static void embed(const ops_context *ops, const struct clip *clip, float *h, const float *pixels, float *patches)
{
    const struct clip_config *c = &clip->config;
    const size_t n = clip_patches(c), tokens = clip_tokens(c), before = tokens - n;
    cut_patches(patches, pixels, c);
    if (before > 0)
        memcpy(h, clip->class_row, c->hidden * sizeof *h);
    ops_linear_forward(ops, h + before * c->hidden, ops_rows(patches, n, clip->patch.cols), clip->patch,
                       clip->patch_bias, 1.0f, 0.0f);
    for (size_t i = 0; i < tokens * c->hidden; i++)
        h[i] += clip->positions[i];
}

static void layer_norm(const ops_context *ops, const struct clip *clip, float *out, const float *x,
                       const struct clip_norm *norm, size_t rows)
{
    ops_layernorm_forward(ops, out, NULL, NULL, x, norm->weight, norm->bias, rows, clip->config.hidden,
                          (float)clip->config.eps);
}

static void layer_forward(const ops_context *ops, const struct clip *clip, const struct adapter *a, size_t index,
                          float *h, const struct work *w)
{
    const struct clip_config *c = &clip->config;
    const struct clip_layer *l = &clip->layers[index];
    const size_t dim = c->hidden / c->heads;
    const ops_attention_shape shape = {.heads = c->heads,
                                       .kv_heads = c->heads,
                                       .head_dim = dim,
                                       .q_stride = c->hidden,
                                       .kv_stride = c->hidden,
                                       .out_stride = c->hidden,
                                       .scale = 1.0f / sqrtf((float)dim)};
    layer_norm(ops, clip, w->x, h, &l->norm1, w->rows);
    linear_forward(ops, &l->q, a, w->q, w->x, w->rows, false, w->low);
    linear_forward(ops, &l->k, a, w->k, w->x, w->rows, false, w->low);
    linear_forward(ops, &l->v, a, w->v, w->x, w->rows, false, w->low);
    ops_attention_tree_forward(ops, w->out, NULL, w->q, w->k, w->v, w->nodes, w->images, false, &shape);
    linear_forward(ops, &l->out, a, h, w->out, w->rows, true, w->low);
    layer_norm(ops, clip, w->x, h, &l->norm2, w->rows);
    linear_forward(ops, &l->fc1, a, w->inner, w->x, w->rows, false, w->low);
    ops_activation_forward(ops, w->inner, NULL, w->rows, c->intermediate, c->activation);
    linear_forward(ops, &l->fc2, a, h, w->inner, w->rows, true, w->low);
}

size_t clip_scratch(const struct clip *clip, const struct adapter *adapter, size_t images)
{
    const struct clip_config *c = &clip->config;
    const size_t rows = images * clip_tokens(c);
    return 6 * scratch_round(rows * c->hidden) + scratch_round(rows * c->intermediate) +
           scratch_round(linear_scratch(adapter, rows)) + scratch_round(clip_patches(c) * clip->patch.cols);
}

void clip_embed(const ops_context *ops, const struct clip *clip, float *h, const float *pixels, float *patches)
{
    embed(ops, clip, h, pixels, patches);
    if (clip->config.tower == TOWER_CLIP)
        layer_norm(ops, clip, h, h, &clip->pre, clip_tokens(&clip->config));
}

/* Hidden states of all tokens, in *h. */
static void run(const ops_context *ops, const struct clip *clip, const struct adapter *adapter, float *h,
                const float *pixels, const struct work *w, float *patches)
{
    const size_t rows = w->rows / w->images, size = clip->config.image_size;
    for (size_t i = 0; i < w->images; i++) {
        w->nodes[i] = (ops_node){-1, i * rows, rows};
        clip_embed(ops, clip, h + i * rows * w->width, pixels + i * 3 * size * size, patches);
    }
    for (size_t i = 0; i < clip->depth; i++)
        layer_forward(ops, clip, adapter, i, h, w);
}

int clip_forward(struct trainer *t, const struct clip *clip, const struct adapter *adapter, float *out,
                 const float *pixels, size_t images, struct scratch *s)
{
    const struct clip_config *c = &clip->config;
    const size_t each = clip_tokens(c), rows = images * each, n = rows * c->hidden;
    const int status = scratch_begin(t, s, clip_scratch(clip, adapter, images));
    if (status != OPA_OK)
        return status;
    float *h = scratch_take(s, n), *patches = scratch_take(s, clip_patches(c) * clip->patch.cols);
    struct work w = {images,
                     rows,
                     c->hidden,
                     scratch_take(s, n),
                     scratch_take(s, n),
                     scratch_take(s, n),
                     scratch_take(s, n),
                     scratch_take(s, n),
                     scratch_take(s, rows * c->intermediate),
                     scratch_take(s, linear_scratch(adapter, rows)),
                     malloc((images + 1) * sizeof *w.nodes)};
    if (w.nodes == NULL)
        return trainer_fail_memory(t);
    run(t->ops, clip, adapter, h, pixels, &w, patches);
    const size_t kept = each - clip->skip;
    for (size_t i = 0; i < images; i++)
        memcpy(out + i * kept * c->hidden, h + (i * each + clip->skip) * c->hidden, kept * c->hidden * sizeof *out);
    free(w.nodes);
    return OPA_OK;
}

/* ---- projector ---- */

int projector_load(struct loader *l, struct projector *out, const struct model_config *config)
{
    const size_t from = config->vision.hidden, to = config->text.hidden;
    out->activation = config->projector_activation;
    loader_top(l, PART_PROJECTOR);
    loader_linear(l, &out->first, "linear_1", to, from, config->projector_bias);
    loader_linear(l, &out->second, "linear_2", to, to, config->projector_bias);
    return l->status;
}

int projector_forward(struct trainer *t, const struct projector *p, const struct adapter *adapter, float *out,
                      const float *x, size_t rows, struct scratch *s)
{
    const size_t width = p->first.w.rows, low = linear_scratch(adapter, rows);
    const int status = scratch_begin(t, s, scratch_round(rows * width) + scratch_round(low));
    if (status != OPA_OK)
        return status;
    float *inner = scratch_take(s, rows * width), *lows = scratch_take(s, low);
    linear_forward(t->ops, &p->first, adapter, inner, x, rows, false, lows);
    ops_activation_forward(t->ops, inner, NULL, rows, width, p->activation);
    linear_forward(t->ops, &p->second, adapter, out, inner, rows, false, lows);
    return OPA_OK;
}
