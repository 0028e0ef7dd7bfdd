/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: micro-batches, updates, evaluations, and when to save. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "training.h"

static volatile sig_atomic_t asked_to_stop;

/* A lost rank ends the others with a signal of mpirun's, too: then nobody comes back from the exchange that waits for it. */
static const char ends_one[] = "\nopatrain: ends when this update is done and saved; a second time: at once\n",
                  ends_ranks[] =
                      "\nopatrain: ends when this update is done and saved; where that is no longer possible (a "
                      "lost rank), --resume goes on behind the last checkpoint\n";
static const char *volatile ends; /* NULL: another rank says it */

static void on_signal(int number)
{
    const int error = errno;
    const char *text = ends;
    (void)number;
    asked_to_stop = 1;
    if (text != NULL && write(STDERR_FILENO, text, strlen(text)) >= 0)
        ends = NULL;
    errno = error;
}

/* SIGUSR1 is what mpirun and batch systems pass on without ending anything themselves. */
static void listen_to_signals(const struct ranks *r)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    ends = !ranks_first(r) ? NULL : r->count > 1 ? ends_ranks : ends_one;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
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
    for (size_t i = 0; i < count && status == OPA_OK; i++)
        status = feed_example(tr, s, tr->examples[i], order[i], visit);
    if (status != OPA_OK)
        return status;
    return train ? update_add(&tr->update, tr->examples, count) : update_look(&tr->update, tr->examples, count);
}

/* Of a mean over samples order[0..count): all ranks' micro-batches. */
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
    for (int rank = 0; rank < tr->ranks.count; rank++) {
        const struct share share = feed_share(s, order, count, rank, tr->ranks.count);
        for (size_t at = share.begin; at < share.end; sum.micro_batches++)
            at += feed_group(tr, s, order + at, share.end - at);
    }
    return sum;
}

/* The report and the gradient of what all ranks did. */
static void add_ranks(struct training *tr, bool train)
{
    struct ranks *r = &tr->ranks;
    ranks_gather(r, tr->reports, &tr->update.report, sizeof *tr->reports);
    tr->update.report = tr->reports[0];
    for (int rank = 1; rank < r->count; rank++)
        loss_report_add(&tr->update.report, &tr->reports[rank]);
    if (train)
        ranks_sum(r, tr->params.gradient, tr->params.count);
}

static int64_t tokens_of(const struct samples *s, const uint32_t *order, size_t count)
{
    int64_t tokens = 0;
    for (size_t i = 0; i < count; i++)
        tokens += (int64_t)s->measured[order[i]].size.tokens;
    return tokens;
}

/* All micro-batches of samples order[0..count), as one mean. */
static int batch(struct training *tr, struct samples *s, const uint32_t *order, size_t count, uint64_t visit,
                 bool train)
{
    const struct loss_counts counts = counts_of(tr, s, order, count);
    const struct share own = feed_share(s, order, count, tr->ranks.rank, tr->ranks.count);
    int status = OPA_OK;
    update_begin(&tr->update, &counts);
    for (size_t at = own.begin; at < own.end && status == OPA_OK;) {
        const size_t n = feed_group(tr, s, order + at, own.end - at);
        status = micro_batch(tr, s, order + at, n, visit, train);
        tr->tokens += tokens_of(s, order + at, n);
        at += n;
        log_progress_within(tr, train, at - own.begin, own.end - own.begin);
    }
    tr->tokens += tokens_of(s, order, own.begin) + tokens_of(s, order + own.end, count - own.end); /* the others' */
    status = ranks_agree(&tr->ranks, &tr->run.t, status);
    if (status == OPA_OK)
        add_ranks(tr, train);
    return status;
}

/* What the first rank writes, all wait for: nobody goes on behind a full disk. */
static int agree(struct training *tr, int status)
{
    return ranks_agree(&tr->ranks, &tr->run.t, status);
}

static int evaluate(struct training *tr, int64_t step)
{
    const size_t count = tr->eval.data.count;
    if (count == 0)
        return OPA_OK;
    for (size_t i = 0; i < count; i++)
        tr->order[i] = (uint32_t)i;
    progress_start(&tr->looking, tr->run.cli);
    tr->tokens_before = tr->tokens;
    const int status = batch(tr, &tr->eval, tr->order, count, 0, false);
    return status == OPA_OK ? agree(tr, log_eval(tr, step)) : status;
}

static int save(struct training *tr, int64_t step)
{
    const struct adapter_out out = training_adapter(tr);
    int status = OPA_OK;
    if (ranks_first(&tr->ranks))
        status = checkpoint_save(&tr->run.t, &tr->folder, step, log_sizes(tr), &out, &tr->optimiser);
    status = agree(tr, status);
    if (status == OPA_OK)
        tr->folder.step = step;
    return status;
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
        status = update_end(&tr->update, rate); /* every rank has the same gradient, and makes the same of it */
    if (status == OPA_OK)
        status = agree(tr, log_update(tr, step + 1, rate, now_seconds() - began, tr->tokens - tokens));
    log_progress(tr, step + 1);
    if (status == OPA_OK && (step + 1) % per_epoch == 0)
        status = evaluate(tr, step + 1);
    return status;
}

static bool time_to_save(const struct training *tr, int64_t done, bool stop)
{
    return done % tr->options.save_every == 0 || done % tr->per_epoch == 0 || stop;
}

int loop_run(struct training *tr)
{
    bool stop = false;
    int64_t step = tr->folder.step > 0 ? tr->folder.step : 0;
    listen_to_signals(&tr->ranks);
    int status = step == 0 ? evaluate(tr, 0) : OPA_OK;
    tr->before = tr->step = step;
    tr->tokens = 0;
    progress_start(&tr->progress, tr->run.cli);
    while (step < tr->total && status == OPA_OK && !stop) {
        status = one_update(tr, step++);
        if (status == OPA_OK && step == tr->before + 1)
            plan_say_peak(tr);
        stop = ranks_any(&tr->ranks, asked_to_stop);
        if (status == OPA_OK && time_to_save(tr, step, stop))
            status = save(tr, step);
    }
    progress_clear(tr->run.cli);
    return status;
}
