/* SPDX-License-Identifier: Apache-2.0 */
/** @file pool.h
 *  Runs jobs on several threads, and gives them back in the order in which they came.
 */
#ifndef OPA_PACK_POOL_H
#define OPA_PACK_POOL_H

#include "pack/job.h"

/** Fill the next job: OPA_OK, OPA_END, or a failure. Called on the calling thread. */
typedef int (*opa_pool_next_fn)(void *user, opa_job *job);
/** Take a finished job. Called on the calling thread, in order. */
typedef int (*opa_pool_done_fn)(void *user, const opa_job *job);

/** @p threads 0: as many as there are processors; 1: everything on the calling thread. At most about 64 MiB of images
 * are under way. */
int opa_pool_run(opa_context *ctx, opa_job_setting *setting, int threads, opa_pool_next_fn next, void *next_user,
                 opa_pool_done_fn done, void *done_user);

#endif
