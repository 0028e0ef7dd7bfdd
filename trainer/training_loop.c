/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: micro-batches, updates, evaluations, and when to save. */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "training.h"

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
    asked_to_stop = 1;
    signal(number, SIG_DFL); /* a second one ends at once */
}

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int reserve_examples(struct training *tr, size_t count)
{
    struct example **grown = realloc(tr->examples, (count + 1) * sizeof *grown);
    if (grown == NULL)
        return trainer_fail_memory(&tr->run.t);
    tr->examples = grown;
    for (; tr->example_capacity < count; tr->example_capacity++) {
        grown[tr->example_capacity] = calloc(1, sizeof **grown);
        if (grown[tr->example_capacity] == NULL)
            return trainer_fail_memory(&tr->run.t);
    }
    return OPA_OK;
}

/* Read the samples of a micro-batch and take it through the pass. */
static int micro_batch(struct training *tr, struct samples *s, const uint32_t *order, size_t count, uint64_t visit,
                       bool train)
{
    int status = count > tr->example_capacity ? reserve_examples(tr, count) : OPA_OK;
    for (size_t i = 0; i < count && status == OPA_OK; i++) {
        status = feed_example(tr, s, tr->examples[i], order[i], visit);
        tr->tokens += (int64_t)s->measured[order[i]].size.tokens;
    }
    if (status != OPA_OK)
        return status;
    return train ? update_add(&tr->update, tr->examples, count) : update_look(&tr->update, tr->examples, count);
}

static struct loss_counts counts_of(const struct training *tr, const struct samples *s, const uint32_t *order,
                                    size_t count)
{
    struct loss_counts sum = {0};
    for (size_t i = 0; i < count; i++) {
        const struct loss_counts *c = &s->measured[order[i]].counts;
        sum.objective.samples += c->objective.samples;
        sum.objective.pairs += c->objective.pairs;
        sum.targets += c->targets;
    }
    for (size_t at = 0; at < count; sum.micro_batches++)
        at += feed_group(tr, s, order + at, count - at);
    return sum;
}

/* All micro-batches of samples order[0..count), as one mean. */
static int batch(struct training *tr, struct samples *s, const uint32_t *order, size_t count, uint64_t visit,
                 bool train)
{
    const struct loss_counts counts = counts_of(tr, s, order, count);
    int status = OPA_OK;
    update_begin(&tr->update, &counts);
    for (size_t at = 0; at < count && status == OPA_OK;) {
        const size_t n = feed_group(tr, s, order + at, count - at);
        status = micro_batch(tr, s, order + at, n, visit, train);
        at += n;
        log_progress_within(tr, train, at, count);
    }
    return status;
}

static int evaluate(struct training *tr, int64_t step)
{
    const size_t count = tr->eval.data.count;
    if (count == 0)
        return OPA_OK;
    uint32_t *order = malloc(count * sizeof *order);
    if (order == NULL)
        return trainer_fail_memory(&tr->run.t);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    progress_start(&tr->looking, tr->run.cli);
    tr->tokens_before = tr->tokens;
    int status = batch(tr, &tr->eval, order, count, 0, false);
    free(order);
    return status == OPA_OK ? log_eval(tr, step) : status;
}

static int save(struct training *tr, int64_t step)
{
    const struct adapter_out out = training_adapter(tr);
    return checkpoint_save(&tr->run.t, &tr->folder, step, log_sizes(tr), &out, &tr->optimiser);
}

/* Update @p step, from 0. */
static int one_update(struct training *tr, int64_t step)
{
    const int64_t per_epoch = tr->per_epoch, epoch = step / per_epoch;
    const size_t size = (size_t)tr->options.batch, at = (size_t)(step % per_epoch) * size;
    const size_t left = tr->train.data.count - at, count = left < size ? left : size;
    const double rate = schedule_rate(&tr->schedule, step), began = now_seconds();
    const int64_t tokens = tr->tokens;
    int status = dataset_order(&tr->run.t, tr->order, tr->train.data.count, tr->run.seed, (uint64_t)epoch);
    if (status == OPA_OK)
        status = batch(tr, &tr->train, tr->order + at, count, (uint64_t)epoch, true);
    if (status == OPA_OK)
        status = update_end(&tr->update, rate);
    if (status == OPA_OK)
        status = log_update(tr, step + 1, rate, now_seconds() - began, tr->tokens - tokens);
    log_progress(tr, step + 1);
    if (status == OPA_OK && (step + 1) % per_epoch == 0)
        status = evaluate(tr, step + 1);
    return status;
}

static bool time_to_save(const struct training *tr, int64_t done)
{
    return done % tr->options.save_every == 0 || done % tr->per_epoch == 0 || asked_to_stop;
}

int loop_run(struct training *tr)
{
    int64_t step = tr->folder.step > 0 ? tr->folder.step : 0;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    int status = step == 0 ? evaluate(tr, 0) : OPA_OK;
    tr->before = tr->step = step;
    tr->tokens = 0;
    progress_start(&tr->progress, tr->run.cli);
    while (step < tr->total && status == OPA_OK) {
        status = one_update(tr, step++);
        if (status == OPA_OK && step == tr->before + 1)
            plan_say_peak(tr);
        if (status == OPA_OK && time_to_save(tr, step))
            status = save(tr, step);
        if (asked_to_stop)
            break;
    }
    progress_clear(tr->run.cli);
    return status;
}
