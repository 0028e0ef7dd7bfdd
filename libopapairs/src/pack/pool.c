/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of jobs. The calling thread fills at head and takes at tail; workers take the READY one that is next in line.
 * Between the two every job passes FREE -> READY -> TAKEN -> DONE -> FREE, always in ring order. */
#include "pack/pool.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/context.h"

#define MAX_THREADS 64
#define MAX_BYTES_UNDER_WAY ((size_t)48 << 20)

typedef struct pool {
    opa_job *jobs;
    size_t slots;
    size_t head, next, tail; /* counts; the slot is count % slots */
    size_t bytes;            /* of images between head and tail */
    bool stop;
    pthread_mutex_t lock;
    pthread_cond_t ready, done;
} pool;

typedef struct thread {
    pthread_t id;
    pool *pool;
    opa_job_worker worker;
} thread;

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
        opa_job *job = &p->jobs[p->next++ % p->slots];
        job->state = OPA_JOB_TAKEN;
        pthread_mutex_unlock(&p->lock);
        opa_job_run(job, &t->worker);
        pthread_mutex_lock(&p->lock);
        job->state = OPA_JOB_DONE;
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Take the oldest job, waiting for it. */
static int take(pool *p, opa_pool_done_fn done, void *user)
{
    opa_job *job = &p->jobs[p->tail % p->slots];
    pthread_mutex_lock(&p->lock);
    while (job->state != OPA_JOB_DONE)
        pthread_cond_wait(&p->done, &p->lock);
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

static int run_threads(opa_context *ctx, pool *p, opa_job_setting *setting, int threads, opa_pool_next_fn next,
                       void *next_user, opa_pool_done_fn done, void *done_user)
{
    thread *all = calloc((size_t)threads, sizeof *all);
    int started = 0, status = all ? OPA_OK : opa_fail_memory(ctx);
    for (; status == OPA_OK && started < threads; started++) {
        all[started].pool = p;
        status = opa_job_worker_init(&all[started].worker, ctx, setting);
        if (status == OPA_OK && pthread_create(&all[started].id, NULL, work, &all[started]) != 0) {
            opa_job_worker_release(&all[started].worker);
            status = opa_fail(ctx, OPA_ENOMEM, "no more threads can be started");
        }
        if (status)
            break;
    }
    if (status && started > 0)
        status = OPA_OK; /* fewer threads than asked for give the same bytes */
    if (status == OPA_OK)
        status = feed(p, next, next_user, done, done_user);
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->ready);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < started; i++) {
        pthread_join(all[i].id, NULL);
        opa_job_worker_release(&all[i].worker);
    }
    free(all);
    return status;
}

static int run_alone(opa_context *ctx, opa_job *job, opa_job_setting *setting, opa_pool_next_fn next, void *next_user,
                     opa_pool_done_fn done, void *done_user)
{
    opa_job_worker worker;
    int status = opa_job_worker_init(&worker, ctx, setting);
    if (status)
        return status;
    while ((status = next(next_user, job)) == OPA_OK) {
        opa_job_run(job, &worker);
        if ((status = done(done_user, job)))
            break;
    }
    opa_job_worker_release(&worker);
    return status == OPA_END ? OPA_OK : status;
}

int opa_pool_run(opa_context *ctx, opa_job_setting *setting, int threads, opa_pool_next_fn next, void *next_user,
                 opa_pool_done_fn done, void *done_user)
{
    if (threads <= 0)
        threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    threads = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads;
    pool p = {.slots = threads == 1 ? 1 : 4 * (size_t)threads};
    p.jobs = calloc(p.slots, sizeof *p.jobs);
    int status = p.jobs ? OPA_OK : opa_fail_memory(ctx);
    for (size_t i = 0; i < p.slots && status == OPA_OK; i++)
        status = opa_job_init(&p.jobs[i], ctx);
    if (status == OPA_OK && threads == 1) {
        status = run_alone(ctx, p.jobs, setting, next, next_user, done, done_user);
    } else if (status == OPA_OK) {
        pthread_mutex_init(&p.lock, NULL);
        pthread_cond_init(&p.ready, NULL);
        pthread_cond_init(&p.done, NULL);
        status = run_threads(ctx, &p, setting, threads, next, next_user, done, done_user);
        pthread_cond_destroy(&p.ready);
        pthread_cond_destroy(&p.done);
        pthread_mutex_destroy(&p.lock);
    }
    for (size_t i = 0; p.jobs && i < p.slots; i++)
        opa_job_release(&p.jobs[i]);
    free(p.jobs);
    return status;
}
