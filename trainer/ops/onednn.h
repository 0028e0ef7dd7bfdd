/* SPDX-License-Identifier: Apache-2.0 */
/** @file onednn.h
 *  Products of bf16 matrices through oneDNN (2.x), which knows the bf16 and matrix instructions of a processor; built where the
 *  library is found.
 */
#ifndef OPATRAIN_OPS_ONEDNN_H
#define OPATRAIN_OPS_ONEDNN_H

#include "ops/ops.h"

typedef struct ops_onednn ops_onednn; /* oneDNN's engine and stream, and room for activations in bf16 */

/** NULL without memory. Free with ops_onednn_free(). */
ops_onednn *ops_onednn_new(void);
void ops_onednn_free(ops_onednn *dnn);

/** "oneDNN 2.6.3": what runs, not what it was built with. Static storage. */
const char *ops_onednn_version(void);
/** The processor multiplies bf16 in hardware. */
bool ops_onednn_has_bf16(void);

/** C[m,n] = alpha * A[m,k] * B + beta * C, rows of C @p ldc apart. B is [n,k] when @p trans, else [k,n], and of type bf16 or, for
 *  tests on processors without, float32. A is float32 and rounded to B's type (to nearest, ties to even); sums are float32. Runs in oneDNN's
 *  threads: OpenMP's of the caller. false when oneDNN refuses: nothing is written then. */
bool ops_onednn_product(ops_onednn *dnn, const ops_context *ctx, float *c, size_t ldc, ops_matrix a, ops_matrix b,
                        bool trans, float alpha, float beta);

#endif
