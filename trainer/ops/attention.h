/* SPDX-License-Identifier: Apache-2.0 */
/** @file attention.h
 *  Softmax attention that visits only what may be seen. Heads of keys are shared by heads / kv_heads heads of queries
 *  (grouped-query attention). Scores, softmax and sums are float32; the softmax is made block by block (Milakov and
 *  Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135), so memory does not grow with the length.
 */
#ifndef OPATRAIN_OPS_ATTENTION_H
#define OPATRAIN_OPS_ATTENTION_H

#include "ops/ops.h"

/** Geometry of one call. Strides are floats from one token to the next. q and out rows hold [heads, head_dim], k and v rows
 *  [kv_heads, head_dim]. A cache may also lie head by head, [kv_heads, room, head_dim]: then kv_stride is head_dim and
 *  kv_head_stride room * head_dim, and decoding reads memory in long stretches. */
typedef struct ops_attention_shape {
    size_t heads, kv_heads; /**< heads is a multiple of kv_heads */
    size_t head_dim;        /**< at most OPS_MAX_HEAD_DIM */
    size_t q_stride, kv_stride, out_stride;
    size_t kv_head_stride; /**< floats from one head of k and v to the next; 0: head_dim */
    float scale;           /**< of the scores: 1 / sqrt(head_dim) as a rule */
    /** Of trees: only the last queries[i] tokens of node i ask, and their rows of q, out and lse (and of their gradients) lie
     *  without gaps, node after node. NULL: all tokens ask, and their rows stand where they do. */
    const size_t *queries;
} ops_attention_shape;

#define OPS_MAX_HEAD_DIM 256

/** A node of the forest of prefixes: tokens [begin, begin + count) of the batch. Parents stand before their children. */
typedef struct ops_node {
    int32_t parent; /**< index of a node, -1 for a root */
    size_t begin, count;
} ops_node;

/** Token t of a node sees all tokens of the node's ancestors and, of the node's own, those up to and with t (@p causal) or
 *  all (a vision tower: one root an image). q, k, v, out hold the whole batch; out may not overlap the others. Nodes do not
 *  overlap; tokens outside all nodes are left alone. @p lse [tokens, heads] receives the log-sum-exp of the scaled scores
 *  for the backward pass, or NULL. */
void ops_attention_tree_forward(const ops_context *ctx, float *out, float *lse, const float *q, const float *k,
                                const float *v, const ops_node *nodes, size_t count, bool causal,
                                const ops_attention_shape *shape);

/** dq, dk, dv: the gradients of q, k and v (their shapes and strides) where dout is that of out (out's). out and @p lse [tokens,
 *  heads] are what the forward pass made of the same q, k, v; probabilities are made again from them, block by block. dq, dk
 *  and dv are overwritten for the tokens of the nodes, and overlap nothing. The work is spread over roots and heads of keys:
 *  every sum is one thread's, so the bits do not depend on how many there are. */
void ops_attention_tree_backward(const ops_context *ctx, float *dq, float *dk, float *dv, const float *dout,
                                 const float *out, const float *lse, const float *q, const float *k, const float *v,
                                 const ops_node *nodes, size_t count, bool causal, const ops_attention_shape *shape);

/** A sequence with its cache: the queries are its last @p q_count tokens, whose keys and values are in the cache already. */
typedef struct ops_sequence {
    const float *k, *v;      /**< the cache, laid out as the shape says */
    size_t length;           /**< tokens in the cache, the queries' own included */
    size_t q_begin, q_count; /**< rows of q and out */
} ops_sequence;

/** Queries against caches: decoding (q_count 1) and prefilling in pieces. Query i of a sequence sees the cache's first
 *  length - q_count + i + 1 tokens. The work is spread over sequences, heads of keys and blocks of queries. */
void ops_attention_cached_forward(const ops_context *ctx, float *out, const float *q, const ops_sequence *sequences,
                                  size_t count, const ops_attention_shape *shape);

#endif
