/* SPDX-License-Identifier: Apache-2.0 */
/* A task is a tree and a head of keys. It goes over blocks of queries, and for each over the blocks of keys on their path. With S
 * = scale q k^T, P = exp(S - lse), D = rowsum(dout * out):
 *
 *      dv += P^T dout      dP = dout v^T      dS = scale P (dP - D)      dq += dS k      dk += dS^T q
 *
 * The five products are sgemm's; P and dS are made in one pass between them, in the second cache. Keys that no query of
 * the block sees are skipped. */
#include "ops/attention.h"

#include <assert.h>
#include <string.h>

#include <cblas.h>

#include "ops/context.h"

#define BLOCK ((size_t)256) /* queries, and keys: P and dP take 512 KiB */

/* One call, and the head that a task is about. */
typedef struct backward {
    const ops_context *ctx;
    const ops_attention_shape *shape;
    const ops_node *nodes;
    size_t count;
    bool causal;
    const float *q, *k, *v, *out, *dout, *lse;
    float *dq, *dk, *dv;
} backward;

/* A block of queries of one head, with the thread's scratch. */
typedef struct block {
    const backward *b;
    size_t head, kv_head;
    size_t begin, rows;    /* of q */
    float *p, *dp, *delta; /* [BLOCK, BLOCK] twice, [BLOCK] */
} block;

/* c [m, n] (+)= a b, where a is [m, k] or, transposed, lies as [k, m]; b likewise. */
static void product(float *c, size_t ldc, const float *a, size_t lda, CBLAS_TRANSPOSE trans_a, const float *b,
                    size_t ldb, CBLAS_TRANSPOSE trans_b, size_t m, size_t n, size_t k, float alpha, float beta)
{
    cblas_sgemm(CblasRowMajor, trans_a, trans_b, (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b,
                (blasint)ldb, beta, c, (blasint)ldc);
}

static void open_block(block *k)
{
    const backward *b = k->b;
    const ops_attention_shape *s = b->shape;
    k->p = ops_scratch(b->ctx);
    k->dp = k->p + BLOCK * BLOCK;
    k->delta = k->dp + BLOCK * BLOCK;
    for (size_t i = 0; i < k->rows; i++) {
        const size_t at = (k->begin + i) * s->out_stride + k->head * s->head_dim;
        k->delta[i] = b->ctx->simd->dot(b->out + at, b->dout + at, s->head_dim);
        memset(b->dq + (k->begin + i) * s->q_stride + k->head * s->head_dim, 0, s->head_dim * sizeof *b->dq);
    }
}

/* Of @p n keys those that query i sees, when the block's first sees @p first of them (less than none: the keys lie behind it). */
static size_t seen_by(size_t i, size_t n, ptrdiff_t first)
{
    const ptrdiff_t seen = first + (ptrdiff_t)i;
    return seen < 0 ? 0 : ops_min((size_t)seen, n);
}

/* Keys [begin, begin + n), of which query i of the block sees the first @p first + i, or all. */
static void attend(const block *k, size_t begin, size_t n, ptrdiff_t first)
{
    const backward *b = k->b;
    const ops_attention_shape *s = b->shape;
    const size_t d = s->head_dim, m = k->rows;
    const size_t at_q = k->begin * s->q_stride + k->head * d, at_out = k->begin * s->out_stride + k->head * d;
    const size_t at_kv = begin * s->kv_stride + k->kv_head * (s->kv_head_stride ? s->kv_head_stride : d);
    product(k->p, n, b->q + at_q, s->q_stride, CblasNoTrans, b->k + at_kv, s->kv_stride, CblasTrans, m, n, d, s->scale,
            0);
    product(k->dp, n, b->dout + at_out, s->out_stride, CblasNoTrans, b->v + at_kv, s->kv_stride, CblasTrans, m, n, d, 1,
            0);
    for (size_t i = 0; i < m; i++)
        b->ctx->simd->softmax_back(k->p + i * n, k->dp + i * n, n, seen_by(i, n, first),
                                   b->lse[(k->begin + i) * s->heads + k->head], k->delta[i], s->scale);
    product(b->dv + at_kv, s->kv_stride, k->p, n, CblasTrans, b->dout + at_out, s->out_stride, CblasNoTrans, n, d, m, 1,
            1);
    product(b->dq + at_q, s->q_stride, k->dp, n, CblasNoTrans, b->k + at_kv, s->kv_stride, CblasNoTrans, m, d, n, 1, 1);
    product(b->dk + at_kv, s->kv_stride, k->dp, n, CblasTrans, b->q + at_q, s->q_stride, CblasNoTrans, n, d, m, 1, 1);
}

/* The block whose first query is token @p skip of a node, against this node and all above. */
static void climb(const block *k, size_t node, size_t skip)
{
    const ops_node *nodes = k->b->nodes;
    for (int32_t up = (int32_t)node; up >= 0; up = nodes[up].parent) {
        const bool diagonal = k->b->causal && up == (int32_t)node;
        const size_t visible = diagonal ? skip + k->rows : nodes[up].count;
        for (size_t j = 0; j < visible; j += BLOCK) {
            const size_t n = ops_min(BLOCK, visible - j);
            attend(k, nodes[up].begin + j, n, diagonal ? (ptrdiff_t)(skip + 1) - (ptrdiff_t)j : (ptrdiff_t)n);
        }
    }
}

static size_t root_of(const ops_node *nodes, size_t node)
{
    while (nodes[node].parent >= 0) {
        assert(nodes[node].parent < (int32_t)node);
        node = (size_t)nodes[node].parent;
    }
    return node;
}

static void clear_keys(const backward *b, size_t kv_head, const ops_node *node)
{
    const ops_attention_shape *s = b->shape;
    const size_t head = kv_head * (s->kv_head_stride ? s->kv_head_stride : s->head_dim);
    for (size_t t = node->begin; t < node->begin + node->count; t++) {
        memset(b->dk + t * s->kv_stride + head, 0, s->head_dim * sizeof *b->dk);
        memset(b->dv + t * s->kv_stride + head, 0, s->head_dim * sizeof *b->dv);
    }
}

/* All queries of a node. */
static void run_node(const backward *b, size_t n, size_t kv_head)
{
    const size_t group = b->shape->heads / b->shape->kv_heads;
    const size_t asking = ops_node_queries(b->shape, b->nodes, n), first = ops_first_query(b->shape, b->nodes, n);
    for (size_t skip = 0; skip < asking; skip += BLOCK)
        for (size_t head = kv_head * group; head < (kv_head + 1) * group; head++) {
            block k = {.b = b, .head = head, .kv_head = kv_head, .begin = first + skip};
            k.rows = ops_min(BLOCK, asking - skip);
            open_block(&k);
            climb(&k, n, b->nodes[n].count - asking + skip);
        }
}

static void run_tree(const backward *b, size_t root, size_t kv_head)
{
    for (size_t n = root; n < b->count; n++) {
        if (root_of(b->nodes, n) != root)
            continue;
        clear_keys(b, kv_head, &b->nodes[n]);
        run_node(b, n, kv_head);
    }
}

void ops_attention_tree_backward(const ops_context *ctx, float *dq, float *dk, float *dv, const float *dout,
                                 const float *out, const float *lse, const float *q, const float *k, const float *v,
                                 const ops_node *nodes, size_t count, bool causal, const ops_attention_shape *shape)
{
    const backward b = {ctx, shape, nodes, count, causal, q, k, v, out, dout, lse, dq, dk, dv};
    assert(shape->heads % shape->kv_heads == 0 && 2 * BLOCK * BLOCK + BLOCK <= OPS_SCRATCH);
    const size_t tasks = count * shape->kv_heads;
#pragma omp parallel for schedule(dynamic) num_threads(ctx->threads)
    for (size_t t = 0; t < tasks; t++)
        if (nodes[t / shape->kv_heads].parent < 0)
            run_tree(&b, t / shape->kv_heads, t % shape->kv_heads);
}
