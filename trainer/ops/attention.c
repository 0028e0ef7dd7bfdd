/* SPDX-License-Identifier: Apache-2.0 */
/* A task is a block of queries of one head of keys: the queries of all heads that share it. It goes over the keys that the block
 * may see in blocks too: scores, their softmax, sums of values, with the softmax's maximum and total so far kept for each
 * query. Scores stand as [keys, queries]: so keys are read where they lie, once, against queries that were laid out once for
 * the task, and the softmax runs over columns without sums across a vector. All of it stays in the second cache: about 310
 * KiB with heads of 128. With few queries (decoding) nothing is laid out and scores stand as [queries, keys]. */
#include "ops/attention.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ops/context.h"

#define BLOCK_QUERIES ((size_t)192) /* tokens times heads of a group */
#define BLOCK_KEYS ((size_t)96)
#define FEW ((size_t)6) /* up to this many queries, laying out costs more than it saves */
#define FEW_KEYS ((size_t)1024)

/* Below any score, and a number: what sees nothing yet must not become infinity less infinity. */
#define NOTHING (-1e30f)

/* The scratch of a task. */
typedef struct block {
    const ops_simd *simd;
    const ops_attention_shape *shape;
    size_t head;            /* of keys */
    size_t group;           /* heads of queries to a head of keys */
    size_t q_begin, tokens; /* queries of this block: tokens * group rows, token by token */
    size_t rows, columns;   /* queries, and these filled up to whole panels */
    size_t width;           /* head_dim filled up likewise */
    float *q;               /* few: [rows, head_dim], else panels [head_dim, columns] */
    float *sums;            /* [rows, width] */
    float *scores;          /* few: [rows, FEW_KEYS], else [BLOCK_KEYS, columns] */
    float *values;          /* panels [keys, width] */
    float *most, *total;    /* [columns] */
} block;

static size_t block_tokens(size_t group)
{
    return group < BLOCK_QUERIES ? BLOCK_QUERIES / group : 1;
}

static size_t whole_panels(const ops_simd *simd, size_t n)
{
    return ops_ceil_div(n, 2 * simd->lanes) * 2 * simd->lanes;
}

/* Scratch for the block, its queries scaled and laid out, and nothing seen yet. */
static void open_block(block *b, const ops_context *ctx, const ops_attention_shape *shape, const float *q)
{
    const size_t d = shape->head_dim;
    float scaled[OPS_MAX_HEAD_DIM];
    b->simd = ctx->simd;
    b->shape = shape;
    b->rows = b->tokens * b->group;
    b->columns = whole_panels(b->simd, b->rows);
    b->width = whole_panels(b->simd, d);
    b->q = ops_scratch(ctx);
    b->sums = b->q + d * b->columns;
    b->scores = b->sums + b->rows * b->width;
    b->values = b->scores + (b->rows <= FEW ? FEW * FEW_KEYS : BLOCK_KEYS * b->columns);
    b->most = b->values + BLOCK_KEYS * b->width;
    b->total = b->most + b->columns;
    assert(b->total + b->columns <= b->q + OPS_SCRATCH);
    memset(b->q, 0, d * b->columns * sizeof *b->q);
    memset(b->sums, 0, b->rows * b->width * sizeof *b->sums);
    for (size_t r = 0; r < b->columns; r++) {
        b->most[r] = NOTHING;
        b->total[r] = 0;
    }
    for (size_t r = 0; r < b->rows; r++) {
        const size_t token = b->q_begin + r / b->group, head = b->head * b->group + r % b->group;
        memcpy(scaled, q + token * shape->q_stride + head * d, d * sizeof *scaled);
        b->simd->scale(scaled, d, shape->scale);
        if (b->rows <= FEW)
            memcpy(b->q + r * d, scaled, d * sizeof *scaled);
        else
            b->simd->to_panel_column(b->q, scaled, d, r);
    }
}

/* What a query has summed up so far shrinks when its maximum grows. */
static void shrink(block *b, size_t row, float before)
{
    if (b->most[row] == before)
        return;
    const float factor = expf(before - b->most[row]);
    b->total[row] *= factor;
    b->simd->scale(b->sums + row * b->width, b->shape->head_dim, factor);
}

/* ---- few queries ---- */

static void attend_few(block *b, const float *k, const float *v, size_t count, ptrdiff_t first)
{
    const size_t d = b->shape->head_dim, stride = b->shape->kv_stride;
    b->simd->narrow[OPS_F32](b->scores, FEW_KEYS, b->q, d, b->rows, k, stride, count, d, 1, 0);
    for (size_t r = 0; r < b->rows; r++) {
        const ptrdiff_t visible = first + (ptrdiff_t)(r / b->group);
        const size_t seen = visible < 0 ? 0 : ops_min((size_t)visible, count);
        float *s = b->scores + r * FEW_KEYS;
        if (seen == 0)
            continue;
        const float before = b->most[r];
        b->most[r] = fmaxf(before, b->simd->max(s, seen));
        shrink(b, r, before);
        b->total[r] += b->simd->exp_shifted(s, seen, b->most[r]);
        b->simd->accumulate(b->sums + r * b->width, d, s, v, stride, seen);
    }
}

/* ---- many ---- */

/* Queries, from the first on, that do not see key j: it is seen by the tokens from j - first + 1 on. */
static size_t blind(const block *b, size_t j, ptrdiff_t first)
{
    const ptrdiff_t tokens = (ptrdiff_t)j - first + 1;
    return tokens <= 0 ? 0 : ops_min((size_t)tokens * b->group, b->rows);
}

/* Whole panels of queries that see none of these keys are skipped. */
static void attend_many(block *b, const float *k, const float *v, size_t count, ptrdiff_t first)
{
    const size_t d = b->shape->head_dim, stride = b->shape->kv_stride, lds = b->columns;
    const size_t skip = blind(b, 0, first) / (2 * b->simd->lanes) * 2 * b->simd->lanes;
    float before[BLOCK_QUERIES], *scores = b->scores + skip;
    b->simd->outer_rows(scores, lds, k, stride, b->q + skip * d, count, lds - skip, d);
    for (size_t j = 0; j < count; j++)
        for (size_t r = skip; r < blind(b, j, first); r++)
            b->scores[j * lds + r] = -INFINITY;
    memcpy(before, b->most, b->rows * sizeof *before);
    b->simd->column_max(b->most + skip, scores, lds, count, lds - skip);
    for (size_t r = skip; r < b->rows; r++)
        shrink(b, r, before[r]);
    b->simd->column_exp(b->total + skip, scores, lds, count, lds - skip, b->most + skip);
    for (size_t j = 0; j < count; j++)
        b->simd->to_panels(b->values, v + j * stride, d, j, count);
    b->simd->outer_columns(b->sums + skip * b->width, b->width, scores, lds, b->values, b->rows - skip, b->width,
                           count);
}

/* A stretch of @p count keys, of which the block's first token sees @p first (all: count or more), each later one a key more. */
static void attend(block *b, const float *k, const float *v, size_t count, size_t first)
{
    const ops_attention_shape *s = b->shape;
    const size_t visible = ops_min(count, first + b->tokens - 1);
    const size_t offset = b->head * (s->kv_head_stride ? s->kv_head_stride : s->head_dim);
    const size_t step = b->rows <= FEW ? FEW_KEYS : BLOCK_KEYS;
    for (size_t j = 0; j < visible; j += step) {
        const size_t at = j * s->kv_stride + offset, n = ops_min(step, visible - j);
        if (b->rows <= FEW)
            attend_few(b, k + at, v + at, n, (ptrdiff_t)first - (ptrdiff_t)j);
        else
            attend_many(b, k + at, v + at, n, (ptrdiff_t)first - (ptrdiff_t)j);
    }
}

static void close_block(const block *b, float *out, float *lse)
{
    const ops_attention_shape *s = b->shape;
    for (size_t r = 0; r < b->rows; r++) {
        const size_t token = b->q_begin + r / b->group, head = b->head * b->group + r % b->group;
        float *to = out + token * s->out_stride + head * s->head_dim;
        memcpy(to, b->sums + r * b->width, s->head_dim * sizeof *to);
        b->simd->scale(to, s->head_dim, 1 / b->total[r]);
        if (lse)
            lse[token * s->heads + head] = b->most[r] + logf(b->total[r]);
    }
}

/* ---- a forest ---- */

/* Blocks of a node's queries. */
static size_t node_blocks(const ops_attention_shape *s, const ops_node *nodes, size_t i)
{
    return ops_ceil_div(ops_node_queries(s, nodes, i), block_tokens(s->heads / s->kv_heads));
}

/* Block @p at of all, of head @p head. */
static void run_tree(const ops_context *ctx, const ops_attention_shape *shape, float *out, float *lse, const float *q,
                     const float *k, const float *v, const ops_node *nodes, bool causal, size_t at, size_t head)
{
    const size_t group = shape->heads / shape->kv_heads, stride = shape->kv_stride;
    size_t n = 0;
    for (; at >= node_blocks(shape, nodes, n); n++)
        at -= node_blocks(shape, nodes, n);
    const size_t skip = at * block_tokens(group), asking = ops_node_queries(shape, nodes, n);
    block b = {.head = head, .group = group, .q_begin = ops_first_query(shape, nodes, n) + skip};
    b.tokens = ops_min(block_tokens(group), asking - skip);
    open_block(&b, ctx, shape, q);
    for (int32_t up = (int32_t)n; up >= 0; up = nodes[up].parent) {
        const ops_node *node = &nodes[up];
        const size_t first = causal && up == (int32_t)n ? node->count - asking + skip + 1 : node->count;
        assert(node->parent < up);
        attend(&b, k + node->begin * stride, v + node->begin * stride, node->count, first);
    }
    close_block(&b, out, lse);
}

void ops_attention_tree_forward(const ops_context *ctx, float *out, float *lse, const float *q, const float *k,
                                const float *v, const ops_node *nodes, size_t count, bool causal,
                                const ops_attention_shape *shape)
{
    assert(shape->heads % shape->kv_heads == 0 && shape->heads / shape->kv_heads <= BLOCK_QUERIES &&
           shape->head_dim <= OPS_MAX_HEAD_DIM);
    size_t blocks = 0;
    for (size_t i = 0; i < count; i++)
        blocks += node_blocks(shape, nodes, i);
    const size_t tasks = blocks * shape->kv_heads;
    /* From the last block on: the longest tasks are begun first. */
#pragma omp parallel for schedule(dynamic) num_threads(ctx->threads)
    for (size_t t = 0; t < tasks; t++)
        run_tree(ctx, shape, out, lse, q, k, v, nodes, causal, blocks - 1 - t / shape->kv_heads, t % shape->kv_heads);
}

/* ---- caches ---- */

void ops_attention_cached_forward(const ops_context *ctx, float *out, const float *q, const ops_sequence *sequences,
                                  size_t count, const ops_attention_shape *shape)
{
    const size_t group = shape->heads / shape->kv_heads, step = block_tokens(group);
    assert(shape->heads % shape->kv_heads == 0 && group <= BLOCK_QUERIES && shape->head_dim <= OPS_MAX_HEAD_DIM);
    size_t blocks = 0;
    for (size_t i = 0; i < count; i++)
        blocks += ops_ceil_div(sequences[i].q_count, step);
    const size_t tasks = blocks * shape->kv_heads;
#pragma omp parallel for schedule(dynamic) num_threads(ctx->threads)
    for (size_t t = 0; t < tasks; t++) {
        size_t at = blocks - 1 - t / shape->kv_heads, n = 0;
        for (; at >= ops_ceil_div(sequences[n].q_count, step); n++)
            at -= ops_ceil_div(sequences[n].q_count, step);
        const ops_sequence *s = &sequences[n];
        block b = {.head = t % shape->kv_heads, .group = group, .q_begin = s->q_begin + at * step};
        b.tokens = ops_min(step, s->q_count - at * step);
        assert(s->q_count <= s->length);
        open_block(&b, ctx, shape, q);
        attend(&b, s->k, s->v, s->length, s->length - s->q_count + at * step + 1);
        close_block(&b, out, NULL);
    }
}
