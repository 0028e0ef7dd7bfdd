/* SPDX-License-Identifier: Apache-2.0 */
/* A task is a block of queries of one head of keys: the queries of all heads that share it, so that keys and values are laid out
 * once for all of them. The task goes over the keys that the block may see in blocks too: scores = q * k^T, their softmax, and
 * sums of v, with the softmax's maximum and total so far kept for each row. All of it stays in the second cache: about 300 KiB with
 * heads of 128. With few rows (decoding) nothing is laid out: keys and values are read where they lie, once. */
#include "ops/attention.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ops/context.h"

#define BLOCK_ROWS ((size_t)96) /* rows of queries: tokens times heads of a group */
#define BLOCK_KEYS ((size_t)128)
#define FEW_ROWS ((size_t)6) /* up to this many rows, laying out keys costs more than it saves */

/* The scratch of a task. Rows of sums and of queries are @p width floats apart: head_dim filled up to whole vectors. */
typedef struct block {
    const ops_simd *simd;
    const ops_attention_shape *shape;
    size_t head;            /* of keys */
    size_t group;           /* heads of queries to a head of keys */
    size_t q_begin, tokens; /* rows of q: tokens * group rows of this block, token by token */
    size_t width, rows;
    float *q, *sums, *scores, *keys, *values; /* [rows, width] [rows, width] [rows, 128] [head_dim, 128] [128, width] */
    float most[BLOCK_ROWS], total[BLOCK_ROWS];
} block;

static size_t block_tokens(size_t group)
{
    return group < BLOCK_ROWS ? BLOCK_ROWS / group : 1;
}

static void open_block(block *b, const ops_context *ctx, const ops_attention_shape *shape, const float *q)
{
    const size_t unit = 2 * ctx->simd->lanes, d = shape->head_dim;
    b->simd = ctx->simd;
    b->shape = shape;
    b->width = ops_ceil_div(d, unit) * unit;
    b->rows = b->tokens * b->group;
    b->q = ops_scratch(ctx);
    b->sums = b->q + BLOCK_ROWS * b->width;
    b->scores = b->sums + BLOCK_ROWS * b->width;
    b->keys = b->scores + BLOCK_ROWS * BLOCK_KEYS;
    b->values = b->keys + d * BLOCK_KEYS;
    assert(b->rows <= BLOCK_ROWS && b->values + BLOCK_KEYS * b->width <= b->q + OPS_SCRATCH);
    for (size_t r = 0; r < b->rows; r++) {
        const size_t token = b->q_begin + r / b->group, head = b->head * b->group + r % b->group;
        float *to = b->q + r * b->width;
        memcpy(to, q + token * shape->q_stride + head * d, d * sizeof *to);
        b->simd->scale(to, d, shape->scale);
        b->most[r] = -INFINITY;
        b->total[r] = 0;
    }
    memset(b->sums, 0, b->rows * b->width * sizeof *b->sums);
}

/* Scores of a row for keys that it sees become weights; those behind get none. What was summed so far shrinks with it when the
 * maximum grows. */
static void weigh(block *b, size_t row, size_t seen, size_t count)
{
    float *s = b->scores + row * BLOCK_KEYS;
    if (seen) {
        const float most = b->simd->max(s, seen);
        if (most > b->most[row]) {
            const float shrink = expf(b->most[row] - most);
            b->total[row] *= shrink;
            b->simd->scale(b->sums + row * b->width, b->shape->head_dim, shrink);
            b->most[row] = most;
        }
        b->total[row] += b->simd->exp_shifted(s, seen, b->most[row]);
    }
    memset(s + seen, 0, (count - seen) * sizeof *s);
}

/* Lay out a block of keys as [head_dim, keys] and of values as [keys, width]. The rests of their last vectors are zeros. */
static size_t lay_out(block *b, const float *k, const float *v, size_t count)
{
    const size_t unit = 2 * b->simd->lanes, d = b->shape->head_dim, padded = ops_ceil_div(count, unit) * unit;
    b->simd->transpose(b->keys, BLOCK_KEYS, k, b->shape->kv_stride, count, d);
    for (size_t i = 0; count < padded && i < d; i++)
        memset(b->keys + i * BLOCK_KEYS + count, 0, (padded - count) * sizeof *k);
    for (size_t j = 0; j < count; j++) {
        memcpy(b->values + j * b->width, v + j * b->shape->kv_stride, d * sizeof *v);
        memset(b->values + j * b->width + d, 0, (b->width - d) * sizeof *v);
    }
    return padded;
}

/* Keys that a row sees of a block of @p count, when its block's first token sees @p first of them and each later one a key
 * more. */
static size_t seen_by(const block *b, size_t row, ptrdiff_t first, size_t count)
{
    const ptrdiff_t seen = first + (ptrdiff_t)(row / b->group);
    return seen < 0 ? 0 : ops_min((size_t)seen, count);
}

/* k and v are those of this head of keys. */
static void attend_block(block *b, const float *k, const float *v, size_t count, ptrdiff_t first)
{
    const size_t d = b->shape->head_dim, stride = b->shape->kv_stride;
    if (b->rows <= FEW_ROWS) {
        b->simd->narrow[OPS_F32](b->scores, BLOCK_KEYS, b->q, b->width, b->rows, k, stride, count, d, 1, 0);
        for (size_t r = 0; r < b->rows; r++) {
            const size_t seen = seen_by(b, r, first, count);
            weigh(b, r, seen, count);
            b->simd->accumulate(b->sums + r * b->width, d, b->scores + r * BLOCK_KEYS, v, stride, seen);
        }
        return;
    }
    const size_t padded = lay_out(b, k, v, count);
    b->simd->outer(b->scores, BLOCK_KEYS, b->q, b->width, b->keys, BLOCK_KEYS, b->rows, padded, d, false);
    for (size_t r = 0; r < b->rows; r++)
        weigh(b, r, seen_by(b, r, first, count), count);
    b->simd->outer(b->sums, b->width, b->scores, BLOCK_KEYS, b->values, b->width, b->rows, b->width, count, true);
}

/* A stretch of @p count keys, of which the block's first token sees @p first (all: count or more), the last tokens - 1 more. */
static void attend(block *b, const float *k, const float *v, size_t count, size_t first)
{
    const size_t visible = ops_min(count, first + b->tokens - 1), offset = b->head * b->shape->head_dim;
    for (size_t j = 0; j < visible; j += BLOCK_KEYS)
        attend_block(b, k + j * b->shape->kv_stride + offset, v + j * b->shape->kv_stride + offset,
                     ops_min(BLOCK_KEYS, visible - j), (ptrdiff_t)first - (ptrdiff_t)j);
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
static size_t node_blocks(const ops_node *node, size_t group)
{
    return ops_ceil_div(node->count, block_tokens(group));
}

void ops_attention_tree_forward(const ops_context *ctx, float *out, float *lse, const float *q, const float *k,
                                const float *v, const ops_node *nodes, size_t count, bool causal,
                                const ops_attention_shape *shape)
{
    const size_t group = shape->heads / shape->kv_heads, stride = shape->kv_stride;
    assert(shape->heads % shape->kv_heads == 0 && group <= BLOCK_ROWS && shape->head_dim <= OPS_MAX_HEAD_DIM);
    size_t blocks = 0;
    for (size_t i = 0; i < count; i++)
        blocks += node_blocks(&nodes[i], group);
    const size_t tasks = blocks * shape->kv_heads;
#pragma omp parallel for schedule(dynamic) num_threads(ctx->threads)
    for (size_t t = 0; t < tasks; t++) {
        /* From the last block on: the longest tasks are begun first. */
        size_t at = blocks - 1 - t / shape->kv_heads, n = 0;
        for (; at >= node_blocks(&nodes[n], group); n++)
            at -= node_blocks(&nodes[n], group);
        const size_t skip = at * block_tokens(group);
        block b = {.head = t % shape->kv_heads, .group = group, .q_begin = nodes[n].begin + skip};
        b.tokens = ops_min(block_tokens(group), nodes[n].count - skip);
        open_block(&b, ctx, shape, q);
        for (int32_t up = (int32_t)n; up >= 0; up = nodes[up].parent) {
            const ops_node *node = &nodes[up];
            const size_t first = causal && up == (int32_t)n ? skip + 1 : node->count;
            assert(node->parent < up);
            attend(&b, k + node->begin * stride, v + node->begin * stride, node->count, first);
        }
        close_block(&b, out, lse);
    }
}

/* ---- caches ---- */

void ops_attention_cached_forward(const ops_context *ctx, float *out, const float *q, const ops_sequence *sequences,
                                  size_t count, const ops_attention_shape *shape)
{
    const size_t group = shape->heads / shape->kv_heads, step = block_tokens(group);
    assert(shape->heads % shape->kv_heads == 0 && group <= BLOCK_ROWS && shape->head_dim <= OPS_MAX_HEAD_DIM);
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
