/* SPDX-License-Identifier: Apache-2.0 */
/** @file pipeline.h
 *  Batches go in and come out in the same order; between, threads read them. The calling thread helps when it would
 * have to wait, so one thread is the same thing without any other.
 */
#ifndef OPA_STORE_PIPELINE_H
#define OPA_STORE_PIPELINE_H

#include "store/batch.h"

typedef struct opa_pipeline opa_pipeline;

/** @p threads with the calling one. */
int opa_pipeline_new(opa_context *ctx, opa_pipeline **out, int threads);
/** Stops the threads; batches inside are dropped. */
void opa_pipeline_free(opa_pipeline *pipeline);
/** An empty batch, from those given back; NULL: out of memory. */
opa_batch *opa_pipeline_batch(opa_pipeline *pipeline);
/** Give a batch back. */
void opa_pipeline_recycle(opa_pipeline *pipeline, opa_batch *batch);
/** Put a batch in; it belongs to the pipeline until it comes out. */
void opa_pipeline_push(opa_pipeline *pipeline, opa_batch *batch);
/** Is there as much inside as there may be? */
bool opa_pipeline_full(opa_pipeline *pipeline);
/** The oldest batch when it is read, else NULL. @p wait: until it is (NULL only when nothing is inside). */
opa_batch *opa_pipeline_pop(opa_pipeline *pipeline, bool wait);

#endif
