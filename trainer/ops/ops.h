/* SPDX-License-Identifier: Apache-2.0 */
/** @file ops.h
 *  What every kernel needs: threads, scratch memory, the instruction set, and the view of a matrix.
 *
 *  Kernels are named ops_<what>_forward; a plain loop of the same arithmetic, ops_<what>_naive, stands in the test of the
 *  same name. Activations are float32, row-major, one row a token; weights stay in the type they are stored in. No kernel
 *  allocates: what they need beside their arguments is in ops_context. Sizes are a contract (checked with assert), no
 *  kernel fails. The same input on the same number of threads gives the same bits: who does a piece of work is open, how it
 *  is cut is not.
 */
#ifndef OPATRAIN_OPS_OPS_H
#define OPATRAIN_OPS_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ops_dtype { OPS_F32 = 0, OPS_BF16, OPS_F16 } ops_dtype;

/** Bytes of an element. */
size_t ops_dtype_size(ops_dtype dtype);
/** "f32", "bf16", "f16". Static storage. */
const char *ops_dtype_name(ops_dtype dtype);

/** A row-major matrix as it lies in memory, borrowed. Weights are [out, in], as checkpoints store them. */
typedef struct ops_matrix {
    const void *data; /**< aligned to the size of an element, no more (it may be a mapped file) */
    size_t rows, cols;
    size_t stride; /**< elements from one row to the next, >= cols */
    ops_dtype dtype;
} ops_matrix;

/** Float32 rows without gaps. */
static inline ops_matrix ops_rows(const float *data, size_t rows, size_t cols)
{
    return (ops_matrix){data, rows, cols, cols, OPS_F32};
}

/** Rows [begin, begin + count) of a matrix. */
ops_matrix ops_matrix_slice(ops_matrix whole, size_t begin, size_t count);

typedef struct ops_context ops_context;

/** The whole matrix as float32 rows without gaps, on the context's threads. */
void ops_expand_all(const ops_context *ctx, float *out, ops_matrix from);

/** Write rows [begin, begin + count) as float32 to @p out [count, cols], exactly. Runs in the calling thread. */
void ops_expand(const ops_context *ctx, float *out, ops_matrix from, size_t begin, size_t count);

/** Prepare for @p threads threads (0: OMP_NUM_THREADS or every processor this process may use) and choose the kernels for
 *  this processor. The context belongs to one thread at a time, which the kernels' threads help. 0 or OPA_ENOMEM; free
 *  with ops_context_free(). Takes 1 MiB a thread and 4 MiB. */
int ops_context_new(ops_context **out, int threads);
void ops_context_free(ops_context *ctx);
int ops_threads(const ops_context *ctx);

/** Let products of more than a few rows with bf16 weights round the activations to bf16 too, where that is faster: on
 *  processors with bf16 instructions, in builds with oneDNN, and after a check that it computes what it should. Returns whether
 *  it is so from now on; elsewhere nothing changes. It costs log-probs about what a bf16 forward of PyTorch costs them. */
bool ops_context_allow_bf16(ops_context *ctx, bool allow);
/** Products with bf16 weights round the activations. */
bool ops_bf16_products(const ops_context *ctx);
/** Its name and version, "oneDNN 2.6.3"; NULL: built without. Static storage. */
const char *ops_bf16_library(void);
/** The instruction set of the own kernels: "avx512", "avx2", "generic". OPATRAIN_ISA in the environment lowers it. */
const char *ops_isa(const ops_context *ctx);

#endif
