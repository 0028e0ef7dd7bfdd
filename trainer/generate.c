/* SPDX-License-Identifier: Apache-2.0 */
#include "generate.h"

#include <stdlib.h>
#include <string.h>

/* One batch on its way. Rows of the arrays are the jobs that go on, in order. */
struct decoding {
    struct session *s;
    struct generate_job *jobs;
    const struct generate_options *options;
    struct llama_cache *caches;       /* by job */
    struct llama_sequence *sequences; /* by row */
    size_t *active;                   /* job by row */
    size_t rows;
    size_t capacity;  /* of each cache: the longest prompt and its answer */
    uint64_t *states; /* of the draws, by job */
    int32_t *ids, *positions;
    float *h, *logits; /* [rows, hidden], [rows, vocabulary] */
    struct candidate *candidates;
};

static int begin(struct decoding *d, size_t count)
{
    const struct llama_config *c = &d->s->model->config.text;
    d->caches = calloc(count, sizeof *d->caches);
    d->sequences = calloc(count, sizeof *d->sequences);
    d->active = calloc(count, sizeof *d->active);
    d->states = calloc(count, sizeof *d->states);
    d->ids = calloc(count, sizeof *d->ids);
    d->positions = calloc(count, sizeof *d->positions);
    d->h = malloc(count * c->hidden * sizeof *d->h);
    d->logits = malloc(count * c->vocabulary * sizeof *d->logits);
    d->candidates = malloc(c->vocabulary * sizeof *d->candidates);
    if (d->caches && d->sequences && d->active && d->states && d->ids && d->positions && d->h && d->logits &&
        d->candidates)
        return OPA_OK;
    return trainer_fail_memory(d->s->t);
}

static void finish(struct decoding *d, size_t count)
{
    for (size_t i = 0; i < count && d->caches != NULL; i++)
        llama_cache_release(&d->caches[i]);
    free(d->caches);
    free(d->sequences);
    free(d->active);
    free(d->states);
    free(d->ids);
    free(d->positions);
    free(d->h);
    free(d->logits);
    free(d->candidates);
}

static bool is_end(const struct generate_options *options, int32_t id)
{
    for (size_t i = 0; i < options->eos_count; i++) {
        if (options->eos[i] == id)
            return true;
    }
    return false;
}

/* The next id of a job from its logits; *more: the job goes on. */
static int take_next(struct decoding *d, size_t job, const float *logits, bool *more)
{
    const struct llama_config *c = &d->s->model->config.text;
    struct generate_job *j = &d->jobs[job];
    const int32_t id = sampling_draw(logits, c->vocabulary, &d->options->sampling, d->candidates, &d->states[job]);
    j->ended = is_end(d->options, id);
    *more = !j->ended && j->ids.count + 1 < d->options->max_new_tokens && d->caches[job].length < c->max_positions;
    return ids_add(d->s->t, &j->ids, id);
}

/* ---- the prompt ---- */

/* Positions that a prompt takes, its image's among them. */
static size_t prompt_tokens(const struct ids *prompt, size_t rows)
{
    size_t tokens = 0;
    for (size_t i = 0; i < prompt->count; i++)
        tokens += prompt->data[i] == TREE_IMAGE ? rows : 1;
    return tokens;
}

int generate_check(struct trainer *t, const struct model *model, const struct ids *prompt, size_t rows)
{
    const struct llama_config *c = &model->config.text;
    const size_t tokens = prompt_tokens(prompt, rows);
    if (tokens == 0)
        return trainer_fail(t, OPA_ERECORD, "the prompt has no token (a model without BOS needs a text)");
    for (size_t i = 0; i < prompt->count; i++) {
        if (prompt->data[i] != TREE_IMAGE && (size_t)prompt->data[i] >= c->vocabulary)
            return trainer_fail(t, OPA_ERECORD, "token %d of the prompt is beyond the model's vocabulary",
                                (int)prompt->data[i]);
    }
    if (tokens >= c->max_positions)
        return trainer_fail(t, OPA_ERECORD, "the prompt takes %zu of the model's %zu positions: no room for an answer",
                            tokens, c->max_positions);
    return OPA_OK;
}

static int fill_tree(struct decoding *d, const struct generate_job *job)
{
    struct session *s = d->s;
    int32_t root;
    tree_clear(&s->tree);
    s->tree.image_tokens = job->rows;
    const int status = tree_add(s->t, &s->tree, &root, -1, job->prompt->data, job->prompt->count, 0);
    return status == OPA_OK ? session_embed(s, &job->features) : status;
}

/* The prompt of a job into its cache; its first id; a row for it where it goes on. */
static int prefill(struct decoding *d, size_t job)
{
    struct session *s = d->s;
    const struct llama *llama = &s->model->llama;
    struct llama_sequence sequence = {&d->caches[job], 0, 0};
    bool more = false;
    int status = fill_tree(d, &d->jobs[job]);
    const size_t tokens = s->tree.tokens, last = tokens - 1;
    if (status == OPA_OK)
        status = llama_cache_init(s->t, &d->caches[job], &llama->config, d->capacity);
    sequence.count = tokens;
    const struct llama_view view = {NULL, &sequence, 1};
    if (status == OPA_OK)
        status = llama_forward(s->t, llama, s->adapter, s->h, s->tree.positions, tokens, &view, &s->scratch);
    if (status != OPA_OK)
        return status;
    llama_select(s->t->ops, llama, d->h, s->h, &last, 1);
    ops_linear_forward(s->t->ops, d->logits, ops_rows(d->h, 1, llama->config.hidden), llama->head, NULL, 1.0f, 0.0f);
    status = take_next(d, job, d->logits, &more);
    if (more)
        d->active[d->rows++] = job;
    return status;
}

/* ---- the answer ---- */

/* One id more for every row; rows that ended leave. */
static int step(struct decoding *d)
{
    struct session *s = d->s;
    const struct llama *llama = &s->model->llama;
    const size_t rows = d->rows, vocabulary = llama->config.vocabulary;
    for (size_t r = 0; r < rows; r++) {
        const struct generate_job *job = &d->jobs[d->active[r]];
        struct llama_cache *cache = &d->caches[d->active[r]];
        d->ids[r] = job->ids.data[job->ids.count - 1];
        d->positions[r] = (int32_t)cache->length;
        d->sequences[r] = (struct llama_sequence){cache, r, 1};
    }
    const struct llama_view view = {NULL, d->sequences, rows};
    llama_embed(s->t->ops, llama, d->h, d->ids, rows);
    int status = llama_forward(s->t, llama, s->adapter, d->h, d->positions, rows, &view, &s->scratch);
    if (status != OPA_OK)
        return status;
    llama_norm(s->t->ops, llama, d->h, rows);
    ops_linear_forward(s->t->ops, d->logits, ops_rows(d->h, rows, llama->config.hidden), llama->head, NULL, 1.0f, 0.0f);
    d->rows = 0;
    for (size_t r = 0; r < rows && status == OPA_OK; r++) {
        bool more;
        const size_t job = d->active[r];
        status = take_next(d, job, d->logits + r * vocabulary, &more);
        if (more)
            d->active[d->rows++] = job;
    }
    return status;
}

static size_t longest_prompt(const struct generate_job *jobs, size_t count)
{
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t tokens = prompt_tokens(jobs[i].prompt, jobs[i].rows);
        longest = tokens > longest ? tokens : longest;
    }
    return longest;
}

int generate_batch(struct session *s, struct generate_job *jobs, size_t count, const struct generate_options *options)
{
    struct decoding d = {
        .s = s, .jobs = jobs, .options = options, .capacity = longest_prompt(jobs, count) + options->max_new_tokens};
    int status = begin(&d, count);
    for (size_t i = 0; i < count && status == OPA_OK; i++) {
        d.states[i] = jobs[i].seed;
        jobs[i].ids.count = 0;
        status = prefill(&d, i);
        if (options->progress != NULL)
            options->progress(options->user, 1);
    }
    while (d.rows > 0 && status == OPA_OK) {
        const size_t made = d.rows;
        status = step(&d);
        if (options->progress != NULL)
            options->progress(options->user, made);
    }
    finish(&d, count);
    return status;
}
