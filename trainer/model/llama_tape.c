/* SPDX-License-Identifier: Apache-2.0 */
#include "model/llama_tape.h"

#include <assert.h>
#include <stdlib.h>

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
        const struct linear_group groups[] = {llama_qkv(l),           linear_alone(&l->o), llama_mlp(l),
                                              linear_alone(&l->down), linear_alone(&l->q), llama_kv(l)};
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
