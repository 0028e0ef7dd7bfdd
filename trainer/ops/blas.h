/* SPDX-License-Identifier: Apache-2.0 */
/** @file blas.h
 *  OpenBLAS: which kernels it runs with, and its threads, which stay unused: the tiles of a product are spread over our own.
 */
#ifndef OPATRAIN_OPS_BLAS_H
#define OPATRAIN_OPS_BLAS_H

#include <stdbool.h>

/** Call this first in main(). OpenBLAS chooses its kernels when it is loaded, by a table of processor models, and 0.3.21 takes
 *  models that came after it for old ones (half the speed on Zen 5). Where what it chose is below what the processor can
 *  do, start the program anew with OPENBLAS_CORETYPE set; a value that is in the environment already is never changed. Returns
 *  where nothing is to be done or nothing can be. */
void ops_blas_choose_core(char **argv);

/** The core type that runs: "Haswell", "Zen", "SkylakeX"... Static storage. */
const char *ops_blas_core(void);
/** Version and build: "OpenBLAS 0.3.21 ...". Static storage. */
const char *ops_blas_config(void);

/** The core type to start anew with when @p core runs on a processor with these features; NULL when it is good. */
const char *ops_blas_better_core(const char *core, bool avx2, bool avx512);

/** Leave threads to the caller. */
void ops_blas_single_threaded(void);

#endif
