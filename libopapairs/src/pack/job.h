/* SPDX-License-Identifier: Apache-2.0 */
/** @file job.h
 *  One sample on its way into a pack: filled by the thread that reads the store, made into members by any thread,
 * written in order by the first one again.
 */
#ifndef OPA_PACK_JOB_H
#define OPA_PACK_JOB_H

#include <opapairs/check.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "pack/tar.h"
#include "pairs/member.h"

/** What all jobs share; only the checker is not immutable. */
typedef struct opa_job_setting {
    opa_pairs_options pairs; /**< without an encoder */
    bool skip_images;        /**< do not decode them */
    opa_checker *checker;
    pthread_mutex_t checker_lock;
} opa_job_setting;

/** What each thread has for itself. */
typedef struct opa_job_worker {
    opa_job_setting *setting;
    opa_context *ctx;
    opa_encoder *encoder;
} opa_job_worker;
int opa_job_worker_init(opa_job_worker *out, opa_context *ctx, opa_job_setting *setting);
void opa_job_worker_release(opa_job_worker *w);

typedef struct opa_job {
    /* in */
    opa_arena *arena;
    opa_sample sample; /**< texts in arena */
    opa_buffer image;
    int known_code; /**< error finding of the import, 0: none */
    opa_text known_message;
    /* scratch */
    opa_context *ctx;
    opa_json_writer *writer;
    /* out */
    int status;        /**< not OPA_OK: the pack fails */
    int left_out;      /**< code, or 0 */
    opa_buffer reason; /**< of left_out */
    opa_findings flagged;
    opa_member_counts counts;
    char key[OPA_KEY_SIZE];
    opa_shard_kind kind;
    opa_text bodies[2]; /**< in the order of the shard's layout */
    uint8_t headers[2][OPA_TAR_BLOCK];
    opa_text pieces[6]; /**< the range in order: header, body, padding of each member */
    size_t piece_count;
    uint64_t size;                   /**< of the range */
    uint8_t sha256[OPA_SHA256_SIZE]; /**< of the range */
    enum { OPA_JOB_FREE, OPA_JOB_READY, OPA_JOB_TAKEN, OPA_JOB_DONE } state;
} opa_job;

int opa_job_init(opa_job *out, opa_context *ctx);
void opa_job_release(opa_job *job);
/** Empty it and copy a sample into it. The caller puts its image into job->image. */
int opa_job_fill(opa_job *job, const opa_sample *sample);
/** Make the members. The outcome is in the job. */
void opa_job_run(opa_job *job, const opa_job_worker *worker);

#endif
