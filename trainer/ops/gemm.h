/* SPDX-License-Identifier: Apache-2.0 */
/** @file gemm.h
 *  Matrix products. One interface over two ways: few rows (decoding) go to kernels of our own that read a stored weight
 *  once for all rows, many rows to OpenBLAS's sgemm, tile by tile, with bf16 and f16 weights expanded a panel at a time
 *  into the cache. All sums are float32.
 *
 *  C is always float32 [m, n] with rows @p ldc apart: C = alpha * product + beta * C. beta 0 overwrites (C may hold
 *  anything, NaN too). C may not overlap A or B.
 */
#ifndef OPATRAIN_OPS_GEMM_H
#define OPATRAIN_OPS_GEMM_H

#include "ops/ops.h"

/** A[m,k] * W[n,k]^T: a linear layer. A is float32; W of any type. */
void ops_gemm_nt(const ops_context *ctx, float *c, size_t ldc, ops_matrix a, ops_matrix w, float alpha, float beta);
/** A[m,k] * W[k,n]: a linear layer's input gradient. A is float32; W of any type. */
void ops_gemm_nn(const ops_context *ctx, float *c, size_t ldc, ops_matrix a, ops_matrix w, float alpha, float beta);
/** A[k,m]^T * B[k,n]: a linear layer's weight gradient. Both float32. */
void ops_gemm_tn(const ops_context *ctx, float *c, size_t ldc, ops_matrix a, ops_matrix b, float alpha, float beta);

/** A linear layer: y[m,n] = alpha * x[m,k] * w[n,k]^T + bias + beta * y, rows of y without gaps. @p bias [n] or NULL. A
 *  residual is added by beta = 1, LoRA's B (A x) into y by alpha = its scale and beta = 1. */
void ops_linear_forward(const ops_context *ctx, float *y, ops_matrix x, ops_matrix w, const float *bias, float alpha,
                        float beta);

#endif
