/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of jobs. The calling thread fills at head and takes at tail; workers run the READY one that is next in line,
 * and so does the calling thread when it would have to wait. Between the two every job passes FREE -> READY -> TAKEN ->
 * DONE -> FREE, always in ring order. */
#include "pack/pool.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/context.h"

#define MAX_THREADS 64
#define SLOTS_PER_THREAD 8
#define MAX_BYTES_UNDER_WAY ((size_t)48 << 20)

typedef struct pool {
    opa_job *jobs;
    size_t slots;
    size_t head, next, tail; /* counts; the slot is count % slots */
    size_t bytes;            /* of images between head and tail */
    bool stop;
    opa_job_worker own; /* of the calling thread */
    pthread_mutex_t lock;
    pthread_cond_t ready, done;
} pool;

typedef struct thread {
    pthread_t id;
    pool *pool;
    opa_job_worker worker;
} thread;

/* Run the next job in line, with the lock held on entry and return. */
static void run_next(pool *p, const opa_job_worker *worker)
{
    opa_job *job = &p->jobs[p->next++ % p->slots];
    job->state = OPA_JOB_TAKEN;
    pthread_mutex_unlock(&p->lock);
    opa_job_run(job, worker);
    pthread_mutex_lock(&p->lock);
    job->state = OPA_JOB_DONE;
}

static void *work(void *user)
{
    thread *t = user;
    pool *p = t->pool;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->next == p->head)
            pthread_cond_wait(&p->ready, &p->lock);
        if (p->stop)
            break;
        run_next(p, &t->worker);
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Take the oldest job, helping until it is done. */
static int take(pool *p, opa_pool_done_fn done, void *user)
{
    opa_job *job = &p->jobs[p->tail % p->slots];
    pthread_mutex_lock(&p->lock);
    while (job->state != OPA_JOB_DONE) {
        if (p->next < p->head)
            run_next(p, &p->own);
        else
            pthread_cond_wait(&p->done, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    const int status = done(user, job);
    p->bytes -= job->image.size;
    p->tail++;
    return status;
}

static bool oldest_is_done(pool *p)
{
    pthread_mutex_lock(&p->lock);
    const bool done = p->tail < p->head && p->jobs[p->tail % p->slots].state == OPA_JOB_DONE;
    pthread_mutex_unlock(&p->lock);
    return done;
}

static int feed(pool *p, opa_pool_next_fn next, void *next_user, opa_pool_done_fn done, void *done_user)
{
    for (;;) {
        int status = OPA_OK;
        while (status == OPA_OK && p->tail < p->head &&
               (p->head - p->tail == p->slots || p->bytes > MAX_BYTES_UNDER_WAY || oldest_is_done(p)))
            status = take(p, done, done_user);
        opa_job *job = &p->jobs[p->head % p->slots];
        if (status == OPA_OK)
            status = next(next_user, job);
        if (status == OPA_OK) {
            p->bytes += job->image.size;
            pthread_mutex_lock(&p->lock);
            job->state = OPA_JOB_READY;
            p->head++;
            pthread_cond_signal(&p->ready);
            pthread_mutex_unlock(&p->lock);
            continue;
        }
        while (status == OPA_END && p->tail < p->head) {
            const int last = take(p, done, done_user);
            status = last ? last : status;
        }
        return status == OPA_END ? OPA_OK : status;
    }
}

/* As many as the system gives: fewer are slower, and give the same bytes. */
static int start_workers(opa_context *ctx, pool *p, opa_job_setting *setting, thread *all, int count)
{
    for (int i = 0; i < count; i++) {
        all[i].pool = p;
        if (opa_job_worker_init(&all[i].worker, ctx, setting))
            return i;
        if (pthread_create(&all[i].id, NULL, work, &all[i]) != 0) {
            opa_job_worker_release(&all[i].worker);
            return i;
        }
    }
    return count;
}

static void stop_workers(pool *p, thread *all, int count)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->ready);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < count; i++) {
        pthread_join(all[i].id, NULL);
        opa_job_worker_release(&all[i].worker);
    }
}

static int init(pool *p, opa_context *ctx, opa_job_setting *setting, size_t slots)
{
    *p = (pool){.slots = slots};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->ready, NULL);
    pthread_cond_init(&p->done, NULL);
    p->jobs = calloc(slots, sizeof *p->jobs);
    int status = p->jobs ? opa_job_worker_init(&p->own, ctx, setting) : opa_fail_memory(ctx);
    for (size_t i = 0; i < slots && status == OPA_OK; i++)
        status = opa_job_init(&p->jobs[i], ctx);
    return status;
}

static void release(pool *p)
{
    for (size_t i = 0; p->jobs && i < p->slots; i++)
        opa_job_release(&p->jobs[i]);
    free(p->jobs);
    opa_job_worker_release(&p->own);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->ready);
    pthread_mutex_destroy(&p->lock);
}

int opa_pool_run(opa_context *ctx, opa_job_setting *setting, int threads, opa_pool_next_fn next, void *next_user,
                 opa_pool_done_fn done, void *done_user)
{
    if (threads <= 0)
        threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    threads = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads;
    pool p;
    thread *all = calloc((size_t)threads, sizeof *all);
    int status = init(&p, ctx, setting, threads == 1 ? 1 : SLOTS_PER_THREAD * (size_t)threads);
    if (status == OPA_OK && !all)
        status = opa_fail_memory(ctx);
    if (status == OPA_OK) {
        const int started = start_workers(ctx, &p, setting, all, threads - 1);
        status = feed(&p, next, next_user, done, done_user);
        stop_workers(&p, all, started);
    }
    release(&p);
    free(all);
    return status;
}
