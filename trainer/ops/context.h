/* SPDX-License-Identifier: Apache-2.0 */
/** @file context.h
 *  What kernels find in ops_context. For trainer/ops/ only.
 */
#ifndef OPATRAIN_OPS_CONTEXT_H
#define OPATRAIN_OPS_CONTEXT_H

#include "ops/attention.h"
#include "ops/ops.h"
#include "ops/simd/simd.h"

/* Scratch of a thread, floats: an expanded panel of weights, or attention's blocks. */
#define OPS_SCRATCH ((size_t)1 << 18)
/* Scratch of the calling thread that all may read: logits of a chunk. */
#define OPS_SHARED ((size_t)1 << 20)

struct ops_context {
    const ops_simd *simd;
    int threads;
    struct ops_onednn *bf16; /* NULL: products are float32 */
    float *scratch;          /* threads * OPS_SCRATCH, then OPS_SHARED */
};

/* The scratch of the thread that asks, inside a parallel region. */
float *ops_scratch(const ops_context *ctx);
float *ops_shared(const ops_context *ctx);

/* Rows are worth a second thread from this many elements on: about ten microseconds of work. */
#define OPS_PARALLEL_ELEMENTS ((size_t)1 << 15)

/* Threads for a pass over that many elements. */
int ops_threads_for(const ops_context *ctx, size_t elements);

static inline size_t ops_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t ops_ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Tokens of a node that ask, and the row of q that the first of them has. */
static inline size_t ops_node_queries(const ops_attention_shape *shape, const ops_node *nodes, size_t node)
{
    return shape->queries ? shape->queries[node] : nodes[node].count;
}

static inline size_t ops_first_query(const ops_attention_shape *shape, const ops_node *nodes, size_t node)
{
    size_t row = shape->queries ? 0 : nodes[node].begin;
    for (size_t i = 0; shape->queries && i < node; i++)
        row += shape->queries[i];
    return row;
}

static inline const void *ops_matrix_at(const ops_matrix *m, size_t row, size_t col)
{
    return (const char *)m->data + (row * m->stride + col) * ops_dtype_size(m->dtype);
}

#endif
