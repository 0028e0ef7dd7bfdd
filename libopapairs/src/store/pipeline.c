/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pipeline.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/context.h"

#define MAX_THREADS 32
/* Enough to keep every thread busy while the calling one writes; bytes bound memory when records are large. */
#define BATCHES_PER_THREAD 16
#define MAX_BYTES ((size_t)24 << 20)

struct worker {
    pthread_t thread;
    opa_pipeline *pipeline;
    opa_batch_reader reader;
};

/* Batches hang in one list from the oldest to the newest; todo is the first that nobody reads yet. */
struct opa_pipeline {
    pthread_mutex_t mutex;
    pthread_cond_t work; /* there is something to do, or stop */
    pthread_cond_t done; /* a batch was read */
    opa_batch *oldest, *newest, *todo, *spare;
    size_t count, bytes, limit;
    bool stop;
    opa_batch_reader own; /* of the calling thread */
    struct worker workers[MAX_THREADS];
    int running;
};

static opa_batch *take(opa_pipeline *p)
{
    opa_batch *batch = p->todo;
    if (batch)
        p->todo = batch->next;
    return batch;
}

static void finish(opa_pipeline *p, opa_batch_reader *reader, opa_batch *batch)
{
    pthread_mutex_unlock(&p->mutex);
    opa_batch_read(reader, batch);
    pthread_mutex_lock(&p->mutex);
    batch->done = true;
    pthread_cond_signal(&p->done);
}

static void *run(void *user)
{
    struct worker *w = user;
    opa_pipeline *p = w->pipeline;
    pthread_mutex_lock(&p->mutex);
    while (!p->stop) {
        opa_batch *batch = take(p);
        if (batch)
            finish(p, &w->reader, batch);
        else
            pthread_cond_wait(&p->work, &p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* As many as the system gives: fewer are slower, not wrong. */
static void start_workers(opa_pipeline *p, int count)
{
    for (int i = 0; i < count && i < MAX_THREADS; i++) {
        struct worker *w = &p->workers[i];
        w->pipeline = p;
        if (opa_batch_reader_init(&w->reader) != OPA_OK)
            return;
        if (pthread_create(&w->thread, NULL, run, w) != 0) {
            opa_batch_reader_release(&w->reader);
            return;
        }
        p->running++;
    }
}

int opa_pipeline_new(opa_context *ctx, opa_pipeline **out, int threads)
{
    *out = NULL;
    opa_pipeline *p = calloc(1, sizeof *p);
    if (!p || opa_batch_reader_init(&p->own) != OPA_OK) {
        free(p);
        return opa_fail_memory(ctx);
    }
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    start_workers(p, threads - 1);
    p->limit = p->running ? (size_t)(p->running + 1) * BATCHES_PER_THREAD : 1;
    *out = p;
    return OPA_OK;
}

static void free_list(opa_batch *batch)
{
    while (batch) {
        opa_batch *next = batch->next;
        opa_batch_free(batch);
        batch = next;
    }
}

void opa_pipeline_free(opa_pipeline *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->running; i++) {
        pthread_join(p->workers[i].thread, NULL);
        opa_batch_reader_release(&p->workers[i].reader);
    }
    free_list(p->oldest);
    free_list(p->spare);
    opa_batch_reader_release(&p->own);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

opa_batch *opa_pipeline_batch(opa_pipeline *p)
{
    opa_batch *batch = p->spare;
    if (batch) {
        p->spare = batch->next;
        batch->next = NULL;
        return batch;
    }
    return calloc(1, sizeof *batch);
}

void opa_pipeline_recycle(opa_pipeline *p, opa_batch *batch)
{
    opa_batch_clear(batch);
    batch->next = p->spare;
    p->spare = batch;
}

void opa_pipeline_push(opa_pipeline *p, opa_batch *batch)
{
    pthread_mutex_lock(&p->mutex);
    if (p->newest)
        p->newest->next = batch;
    else
        p->oldest = batch;
    p->newest = batch;
    if (!p->todo)
        p->todo = batch;
    p->count++;
    p->bytes += batch->raw.size;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->mutex);
}

bool opa_pipeline_full(opa_pipeline *p)
{
    /* Only the calling thread changes these. */
    return p->count >= p->limit || p->bytes >= MAX_BYTES;
}

opa_batch *opa_pipeline_pop(opa_pipeline *p, bool wait)
{
    pthread_mutex_lock(&p->mutex);
    while (wait && p->oldest && !p->oldest->done) {
        opa_batch *batch = take(p);
        if (batch)
            finish(p, &p->own, batch);
        else
            pthread_cond_wait(&p->done, &p->mutex);
    }
    opa_batch *batch = p->oldest && p->oldest->done ? p->oldest : NULL;
    if (batch) {
        p->oldest = batch->next;
        if (!p->oldest)
            p->newest = NULL;
        batch->next = NULL;
        p->count--;
        p->bytes -= batch->raw.size;
    }
    pthread_mutex_unlock(&p->mutex);
    return batch;
}
