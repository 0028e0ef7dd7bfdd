/* SPDX-License-Identifier: Apache-2.0 */
#include "model/llama.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/activation.h"
#include "ops/embed.h"
#include "ops/norm.h"

/* ---- names and shapes ---- */

static int load_layer(struct loader *l, struct llama_layer *out, const struct llama_config *c, size_t i)
{
    const size_t h = c->hidden, q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, m = c->intermediate;
    loader_at(l, PART_TEXT, "layers.%zu.", i);
    out->input_norm = loader_vector(l, "input_layernorm.weight", h);
    out->post_norm = loader_vector(l, "post_attention_layernorm.weight", h);
    loader_linear(l, &out->q, "self_attn.q_proj", q, h, c->qkv_bias);
    loader_linear(l, &out->k, "self_attn.k_proj", kv, h, c->qkv_bias);
    loader_linear(l, &out->v, "self_attn.v_proj", kv, h, c->qkv_bias);
    loader_linear(l, &out->o, "self_attn.o_proj", h, q, c->out_bias);
    loader_linear(l, &out->gate, "mlp.gate_proj", m, h, c->mlp_bias);
    loader_linear(l, &out->up, "mlp.up_proj", m, h, c->mlp_bias);
    loader_linear(l, &out->down, "mlp.down_proj", h, m, c->mlp_bias);
    return l->status;
}

int llama_load(struct loader *l, struct llama *out, const struct llama_config *config)
{
    *out = (struct llama){.config = *config};
    out->layers = calloc(config->layers, sizeof *out->layers);
    out->inv_freq = malloc(config->head_dim / 2 * sizeof *out->inv_freq);
    if (out->layers == NULL || out->inv_freq == NULL)
        return l->status = trainer_fail_memory(l->t);
    rope_frequencies(out->inv_freq, &config->rope, config->head_dim);
    loader_top(l, PART_TEXT);
    out->embedding = loader_matrix(l, "embed_tokens.weight", config->vocabulary, config->hidden);
    out->norm = loader_vector(l, "norm.weight", config->hidden);
    loader_top(l, PART_HEAD);
    if (config->tied)
        loader_ignore(l, "weight");
    out->head = config->tied ? out->embedding : loader_matrix(l, "weight", config->vocabulary, config->hidden);
    for (size_t i = 0; i < config->layers && l->status == OPA_OK; i++)
        load_layer(l, &out->layers[i], config, i);
    return l->status;
}

void llama_release(struct llama *llama)
{
    free(llama->layers);
    free(llama->inv_freq);
    *llama = (struct llama){0};
}

/* ---- caches ---- */

int llama_cache_init(struct trainer *t, struct llama_cache *out, const struct llama_config *c, size_t capacity)
{
    const size_t n = c->layers * capacity * c->kv_heads * c->head_dim;
    *out = (struct llama_cache){malloc(n * sizeof(float)), malloc(n * sizeof(float)), capacity, 0};
    if (out->k != NULL && out->v != NULL)
        return OPA_OK;
    llama_cache_release(out);
    return trainer_fail(t, OPA_ENOMEM, "out of memory: %.2f GiB for keys and values of %zu tokens",
                        (double)n * 2 * sizeof(float) / (double)(1 << 30), capacity);
}

void llama_cache_release(struct llama_cache *cache)
{
    free(cache->k);
    free(cache->v);
    *cache = (struct llama_cache){0};
}

/* ---- forward ---- */

/* Working memory of one layer, [tokens, width] each. */
struct work {
    float *x;       /* normed input, hidden */
    float *q, *out; /* heads * head_dim */
    float *k, *v;   /* kv_heads * head_dim */
    float *gate, *up;
    float *low; /* adapters */
    ops_sequence *sequences;
};

size_t llama_scratch(const struct llama_config *c, const struct adapter *adapter, size_t tokens)
{
    const size_t q = tokens * c->heads * c->head_dim, kv = tokens * c->kv_heads * c->head_dim;
    return scratch_round(tokens * c->hidden) + 2 * scratch_round(q) + 2 * scratch_round(kv) +
           2 * scratch_round(tokens * c->intermediate) + scratch_round(linear_scratch(adapter, tokens));
}

static int begin_work(struct trainer *t, struct work *w, const struct llama_config *c, const struct adapter *adapter,
                      size_t tokens, const struct llama_view *view, struct scratch *s)
{
    const int status = scratch_begin(t, s, llama_scratch(c, adapter, tokens));
    if (status != OPA_OK)
        return status;
    w->x = scratch_take(s, tokens * c->hidden);
    w->q = scratch_take(s, tokens * c->heads * c->head_dim);
    w->out = scratch_take(s, tokens * c->heads * c->head_dim);
    w->k = scratch_take(s, tokens * c->kv_heads * c->head_dim);
    w->v = scratch_take(s, tokens * c->kv_heads * c->head_dim);
    w->gate = scratch_take(s, tokens * c->intermediate);
    w->up = scratch_take(s, tokens * c->intermediate);
    w->low = scratch_take(s, linear_scratch(adapter, tokens));
    w->sequences = view->tree ? NULL : malloc((view->count + 1) * sizeof *w->sequences);
    return view->tree || w->sequences ? OPA_OK : trainer_fail_memory(t);
}

/* rows [count, kv_heads, head_dim] behind the cache's, head by head. */
static void extend(float *cache, const float *rows, const struct llama_config *c, size_t capacity, size_t length,
                   size_t count)
{
    for (size_t head = 0; head < c->kv_heads; head++) {
        float *to = cache + (head * capacity + length) * c->head_dim;
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * c->head_dim, rows + (i * c->kv_heads + head) * c->head_dim, c->head_dim * sizeof *to);
    }
}

/* Put the new keys and values behind those of their sequences. */
static void extend_caches(const struct work *w, const struct llama_config *c, const struct llama_view *view,
                          size_t layer)
{
    const size_t width = c->kv_heads * c->head_dim;
    for (size_t i = 0; i < view->count; i++) {
        const struct llama_sequence *s = &view->sequences[i];
        const struct llama_cache *cache = s->cache;
        float *k = cache->k + layer * cache->capacity * width, *v = cache->v + layer * cache->capacity * width;
        extend(k, w->k + s->begin * width, c, cache->capacity, cache->length, s->count);
        extend(v, w->v + s->begin * width, c, cache->capacity, cache->length, s->count);
        w->sequences[i] = (ops_sequence){k, v, cache->length + s->count, s->begin, s->count};
    }
}

static void attend(const ops_context *ops, const struct work *w, const struct llama_config *c,
                   const struct llama_view *view, size_t layer)
{
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    ops_attention_shape shape = {.heads = c->heads,
                                 .kv_heads = c->kv_heads,
                                 .head_dim = c->head_dim,
                                 .q_stride = q,
                                 .kv_stride = kv,
                                 .out_stride = q,
                                 .scale = 1.0f / sqrtf((float)c->head_dim)};
    if (view->tree != NULL) {
        ops_attention_tree_forward(ops, w->out, NULL, w->q, w->k, w->v, view->tree->nodes, view->tree->node_count, true,
                                   &shape);
        return;
    }
    extend_caches(w, c, view, layer);
    shape.kv_stride = c->head_dim;
    shape.kv_head_stride = view->sequences[0].cache->capacity * c->head_dim;
    ops_attention_cached_forward(ops, w->out, w->q, w->sequences, view->count, &shape);
}

/* h += attention(norm(h)); h += mlp(norm(h)) */
static void layer_forward(const ops_context *ops, const struct llama *llama, const struct adapter *a, size_t index,
                          float *h, size_t tokens, const ops_rope *rope, const struct llama_view *view,
                          const struct work *w)
{
    const struct llama_config *c = &llama->config;
    const struct llama_layer *l = &llama->layers[index];
    ops_rmsnorm_forward(ops, w->x, NULL, h, l->input_norm, tokens, c->hidden, (float)c->rms_eps);
    linear_forward(ops, &l->q, a, w->q, w->x, tokens, false, w->low);
    linear_forward(ops, &l->k, a, w->k, w->x, tokens, false, w->low);
    linear_forward(ops, &l->v, a, w->v, w->x, tokens, false, w->low);
    ops_rope_forward(ops, w->q, c->heads * c->head_dim, c->heads, rope);
    ops_rope_forward(ops, w->k, c->kv_heads * c->head_dim, c->kv_heads, rope);
    attend(ops, w, c, view, index);
    linear_forward(ops, &l->o, a, h, w->out, tokens, true, w->low);
    ops_rmsnorm_forward(ops, w->x, NULL, h, l->post_norm, tokens, c->hidden, (float)c->rms_eps);
    linear_forward(ops, &l->gate, a, w->gate, w->x, tokens, false, w->low);
    linear_forward(ops, &l->up, a, w->up, w->x, tokens, false, w->low);
    ops_silu_mul_forward(ops, w->gate, w->gate, w->up, c->intermediate, tokens, c->intermediate);
    linear_forward(ops, &l->down, a, h, w->gate, tokens, true, w->low);
}

void llama_embed(const ops_context *ops, const struct llama *llama, float *out, const int32_t *ids, size_t tokens)
{
    ops_embed_forward(ops, out, llama->config.hidden, llama->embedding, ids, tokens);
}

int llama_forward(struct trainer *t, const struct llama *llama, const struct adapter *adapter, float *h,
                  const int32_t *positions, size_t tokens, const struct llama_view *view, struct scratch *scratch)
{
    const struct llama_config *c = &llama->config;
    struct work w = {0};
    ops_rope rope = {0};
    int status = begin_work(t, &w, c, adapter, tokens, view, scratch);
    if (status == OPA_OK && ops_rope_init(&rope, positions, tokens, llama->inv_freq, c->head_dim / 2, 1.0f) != 0)
        status = trainer_fail_memory(t);
    for (size_t i = 0; i < c->layers && status == OPA_OK; i++)
        layer_forward(t->ops, llama, adapter, i, h, tokens, &rope, view, &w);
    for (size_t i = 0; i < view->count && status == OPA_OK; i++)
        view->sequences[i].cache->length += view->sequences[i].count;
    ops_rope_release(&rope);
    free(w.sequences);
    return status;
}

void llama_norm(const ops_context *ops, const struct llama *llama, float *x, size_t count)
{
    ops_rmsnorm_forward(ops, x, NULL, x, llama->norm, count, llama->config.hidden, (float)llama->config.rms_eps);
}

void llama_select(const ops_context *ops, const struct llama *llama, float *out, const float *h, const size_t *rows,
                  size_t count)
{
    const size_t n = llama->config.hidden;
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * n, h + rows[i] * n, n * sizeof *out);
    llama_norm(ops, llama, out, count);
}
