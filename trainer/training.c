/* SPDX-License-Identifier: Apache-2.0 */
#include "training.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* ---- what the flags say ---- */

static int check_options(struct training *tr)
{
    struct cli *cli = tr->run.cli;
    const struct training_options *o = &tr->options;
    if (isnan(o->alpha))
        tr->options.alpha = 2 * (double)o->rank; /* as OPA-DPO's scripts have it: 512 at 256 */
    if (tr->run.output == NULL || strcmp(tr->run.output, "-") == 0)
        return cli_usage(cli, "give the run's folder with -o OUT");
    if (o->targets != NULL && !targets_parse(&tr->targets, o->targets))
        return cli_usage(cli, "--targets: '%s' is none of llm, llm+projector, all", o->targets);
    if (!schedule_parse(&tr->schedule.kind, o->schedule))
        return cli_usage(cli, "--schedule: '%s' is none of cosine, linear, constant", o->schedule);
    if (o->epochs < 1 || o->batch < 1 || o->micro_tokens < 1 || o->save_every < 1 || o->keep < 1 || o->rank < 1)
        return cli_usage(cli, "--epochs, --batch, --micro-tokens, --save-every, --keep and --rank are at least 1");
    if (!(o->lr >= 0) || !(o->warmup >= 0) || !(o->weight_decay >= 0) || !(o->clip >= 0) || !(o->alpha > 0))
        return cli_usage(cli, "--lr, --warmup, --weight-decay and --clip are not negative, --alpha is positive");
    if (!(o->c.label_smoothing >= 0) || !(o->c.label_smoothing < 0.5))
        return cli_usage(cli, "--label-smoothing is from 0 to below 0.5");
    return GO_ON;
}

/* ---- opening ---- */

/* What START trains, when --targets does not say: the most that it has. */
static void targets_of_start(struct training *tr)
{
    size_t count[PART_COUNT];
    if (tr->options.targets != NULL || tr->run.adapter == NULL)
        return;
    adapter_count(count, tr->run.adapter, tr->run.model);
    const enum targets most = count[PART_VISION] > 0      ? TARGETS_ALL
                              : count[PART_PROJECTOR] > 0 ? TARGETS_LLM_PROJECTOR
                                                          : TARGETS_LLM;
    tr->targets = most < tr->targets ? most : tr->targets;
}

static int open_params(struct training *tr)
{
    struct run *run = &tr->run;
    struct trainer *t = &run->t;
    targets_of_start(tr);
    if (run->model->config.family != FAMILY_LLAVA && tr->options.targets == NULL)
        tr->targets = TARGETS_LLM;
    const int status = run->adapter ? params_from(t, &tr->params, run->model, tr->targets, run->adapter)
                                    : params_new(t, &tr->params, run->model, tr->targets, (size_t)tr->options.rank,
                                                 tr->options.alpha, run->seed);
    tr->eyes = (struct session){.t = t, .model = run->model, .adapter = &tr->params.adapter};
    return status;
}

static int open_reference(struct training *tr)
{
    struct run *run = &tr->run;
    const char *name = tr->options.reference;
    int status = OPA_OK;
    tr->referee = (struct session){.t = &run->t, .model = run->model};
    if (!tr->reference)
        return OPA_OK;
    if (strcmp(name, "START") == 0)
        tr->referee.adapter = run->adapter;
    else if (strcmp(name, "base") != 0) {
        status = adapter_open(&run->t, &tr->reference_adapter, name, run->model);
        tr->referee.adapter = tr->reference_adapter;
    }
    if (strcmp(name, "START") == 0 && run->adapter == NULL)
        cli_note(run->cli, "no --adapter: policy and reference begin at the bare model, without OPA");
    tr->shared_eyes = train_stage(&tr->params) == IMAGE_PROJECTED && tr->referee.adapter == run->adapter;
    return status;
}

static int open_data(struct training *tr)
{
    struct run *run = &tr->run;
    progress_start(&tr->progress, run->cli);
    int status = feed_measure(tr, &tr->train, run->cli->args, (size_t)run->cli->arg_count);
    if (status == OPA_OK && tr->options.eval != NULL)
        status = feed_measure(tr, &tr->eval, &(char *){(char *)(uintptr_t)tr->options.eval}, 1);
    progress_clear(run->cli);
    return status;
}

static int64_t updates_of_epoch(const struct training *tr)
{
    return ((int64_t)tr->train.data.count + tr->options.batch - 1) / tr->options.batch;
}

static void open_schedule(struct training *tr)
{
    const double warmup = tr->options.warmup;
    tr->total = updates_of_epoch(tr) * tr->options.epochs;
    tr->schedule.rate = tr->options.lr;
    tr->schedule.total = tr->total;
    tr->schedule.warmup = (int64_t)(warmup < 1 ? ceil(warmup * (double)tr->total) : warmup);
}

/* ---- the plan ---- */

static struct train_size larger(struct train_size a, struct train_size b)
{
    return (struct train_size){a.tokens > b.tokens ? a.tokens : b.tokens, a.targets > b.targets ? a.targets : b.targets,
                               a.images > b.images ? a.images : b.images};
}

/* The largest of the micro-batches of one pass in this order, @p batch samples a mean; sizes by themselves, they need not be of the same one. */
static void largest_groups(const struct training *tr, const struct samples *s, const uint32_t *order, size_t batch,
                           struct train_size *most)
{
    for (size_t at = 0, end = 0; at < s->data.count;) {
        end = at >= end ? at + batch < s->data.count ? at + batch : s->data.count : end;
        const size_t n = feed_group(tr, s, order + at, end - at);
        struct train_size sum = {0};
        for (size_t i = 0; i < n; i++) {
            const struct train_size *size = &s->measured[order[at + i]].size;
            sum.tokens += size->tokens;
            sum.targets += size->targets;
            sum.images += size->images;
        }
        *most = larger(*most, sum);
        at += n;
    }
}

static int64_t mib(uint64_t bytes)
{
    return (int64_t)((bytes + (1 << 19)) >> 20);
}

static void say_plan(struct training *tr)
{
    const struct train_plan *p = &tr->plan;
    char a[32], b[32], c[32], d[32], e[32];
    cli_note(tr->run.cli, "%s updates over %s samples; %s parameters of rank %zu (%s)", thousands(a, tr->total),
             thousands(b, (int64_t)tr->train.data.count), thousands(c, (int64_t)tr->params.count), tr->params.rank,
             targets_name(tr->targets));
    cli_note(tr->run.cli,
             "plan: %s MiB of weights (mapped), %s of parameters, %s of moments, %s of activations (%zu of %zu layers "
             "kept, micro-batches of up to %s tokens)",
             thousands(a, mib(p->weights)), thousands(b, mib(p->params)),
             thousands(c, mib(2 * optimiser_moment_bytes(&tr->optimiser))), thousands(d, mib(p->activations)), p->kept,
             p->layers, thousands(e, (int64_t)p->most.tokens));
}

static int open_pass(struct training *tr)
{
    struct trainer *t = &tr->run.t;
    struct train_size most = {0};
    const struct optimiser_options adamw = {
        0.9, 0.999, 1e-8, tr->options.weight_decay, tr->options.clip, tr->options.bf16_moments};
    int status = optimiser_init(t, &tr->optimiser, &adamw, tr->params.count);
    const size_t count = tr->train.data.count > tr->eval.data.count ? tr->train.data.count : tr->eval.data.count;
    tr->order = malloc((count + 1) * sizeof *tr->order);
    if (status != OPA_OK || tr->order == NULL)
        return status != OPA_OK ? status : trainer_fail_memory(t);
    for (int64_t epoch = 0; epoch < tr->options.epochs && status == OPA_OK; epoch++) {
        status = dataset_order(t, tr->order, tr->train.data.count, tr->run.seed, (uint64_t)epoch);
        largest_groups(tr, &tr->train, tr->order, (size_t)tr->options.batch, &most);
    }
    for (size_t i = 0; i < tr->eval.data.count; i++)
        tr->order[i] = (uint32_t)i;
    largest_groups(tr, &tr->eval, tr->order, tr->eval.data.count, &most);
    if (status == OPA_OK)
        status = train_plan(t, &tr->plan, tr->run.model, &tr->params, most,
                            2 * optimiser_moment_bytes(&tr->optimiser) + feed_bytes(tr, most), tr->run.memory_limit);
    if (status == OPA_OK)
        status = train_open(t, &tr->pass, tr->run.model, &tr->params, &tr->plan);
    tr->update = (struct update){.t = t,
                                 .model = tr->run.model,
                                 .params = &tr->params,
                                 .train = tr->pass,
                                 .optimiser = &tr->optimiser,
                                 .loss = &tr->loss};
    return status;
}

/* ---- the folder ---- */

static struct adapter_out adapter_out(const struct training *tr)
{
    return (struct adapter_out){&tr->params.adapter, tr->run.model, tr->params.alpha, tr->run.model_dir};
}

/* GO_ON, or the exit code: the run is over before it begins. */
static int open_folder(struct training *tr)
{
    struct run *run = &tr->run;
    struct run_folder *f = &tr->folder;
    int status = run_folder_open(&run->t, f, run->output, (size_t)tr->options.keep);
    if (status != OPA_OK)
        return run_fail(run, status);
    const bool there = f->step >= 0 || f->finished;
    if (there && !tr->options.resume)
        return cli_error(run->cli, EXIT_CREATE, "%s holds %s: go on with --resume, or choose another -o", f->path,
                         f->finished ? "a finished run" : "a checkpoint");
    if (there) {
        status = record_compare(tr);
        if (status != OPA_OK)
            return run_fail(run, status);
    }
    if (f->finished) {
        cli_note(run->cli, "%s is finished", f->path);
        return EXIT_DONE;
    }
    return GO_ON;
}

static int begin_or_go_on(struct training *tr)
{
    struct trainer *t = &tr->run.t;
    int status = opa_json_writer_new(t->opa, &tr->w) == OPA_OK ? OPA_OK : trainer_fail_memory(t);
    if (status == OPA_OK)
        status = tr->folder.step >= 0 ? checkpoint_load(t, &tr->folder, tr->run.model, &tr->params, &tr->optimiser)
                                      : record_write(tr);
    if (status == OPA_OK)
        status = log_open(tr);
    if (status == OPA_OK && tr->folder.step >= 0)
        cli_note(tr->run.cli, "goes on behind update %lld of %lld", (long long)tr->folder.step, (long long)tr->total);
    return status;
}

/* ---- the loop ---- */

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
    int status = batch(tr, &tr->eval, order, count, 0, false);
    free(order);
    return status == OPA_OK ? log_eval(tr, step) : status;
}

static int save(struct training *tr, int64_t step)
{
    const struct adapter_out out = adapter_out(tr);
    return checkpoint_save(&tr->run.t, &tr->folder, step, log_sizes(tr), &out, &tr->optimiser);
}

static void say_peak(struct training *tr)
{
    struct rusage usage;
    char a[32], b[32];
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        cli_note(tr->run.cli,
                 "peak behind the first update: %s MiB, mapped weights that were touched included (plan: %s)",
                 thousands(a, usage.ru_maxrss / 1024), thousands(b, mib(tr->plan.total)));
}

/* Update @p step, from 0. */
static int one_update(struct training *tr, int64_t step)
{
    const int64_t per_epoch = updates_of_epoch(tr), epoch = step / per_epoch;
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
    return done % tr->options.save_every == 0 || done % updates_of_epoch(tr) == 0 || asked_to_stop;
}

static int loop(struct training *tr)
{
    int64_t step = tr->folder.step > 0 ? tr->folder.step : 0;
    int status = step == 0 ? evaluate(tr, 0) : OPA_OK;
    tr->before = step;
    tr->tokens = 0;
    progress_start(&tr->progress, tr->run.cli);
    while (step < tr->total && status == OPA_OK) {
        status = one_update(tr, step++);
        if (status == OPA_OK && step == tr->before + 1)
            say_peak(tr);
        if (status == OPA_OK && time_to_save(tr, step))
            status = save(tr, step);
        if (asked_to_stop)
            break;
    }
    progress_clear(tr->run.cli);
    return status;
}

/* ---- all of it ---- */

static int say_end(struct training *tr)
{
    char a[32];
    const double seconds = progress_seconds(&tr->progress);
    if (tr->folder.step < tr->total) {
        cli_note(tr->run.cli,
                 "stopped behind update %lld of %lld, which is saved: the same command with --resume goes on",
                 (long long)tr->folder.step, (long long)tr->total);
        return EXIT_FINDING;
    }
    cli_note(tr->run.cli, "%lld updates in %.1f s, %s tokens/s: %s", (long long)(tr->total - tr->before), seconds,
             thousands(a, (int64_t)((double)tr->tokens / (seconds > 0 ? seconds : 1) + 0.5)), tr->folder.path);
    return tr->left_out > 0 ? EXIT_FINDING : EXIT_DONE;
}

static int train(struct training *tr)
{
    struct trainer *t = &tr->run.t;
    const struct adapter_out out = adapter_out(tr);
    int status = begin_or_go_on(tr);
    if (status == OPA_OK)
        status = feed_features(tr, &tr->train);
    if (status == OPA_OK)
        status = feed_features(tr, &tr->eval);
    if (status == OPA_OK && tr->reference)
        status = feed_reference(tr, &tr->train);
    if (status == OPA_OK && tr->reference && tr->eval.data.count > 0)
        status = feed_reference(tr, &tr->eval);
    if (status == OPA_OK && tr->reference && tr->folder.step < 0)
        status = on_policy_report(tr);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (status == OPA_OK)
        status = loop(tr);
    if (status == OPA_OK && tr->folder.step == tr->total)
        status = run_folder_finish(t, &tr->folder, &out);
    if (status == OPA_OK && tr->folder.step == tr->total) {
        vision_cache_remove(&tr->train.features);
        vision_cache_remove(&tr->eval.features);
    }
    if (status != OPA_OK && tr->folder.step > 0)
        cli_note(tr->run.cli, "the last good checkpoint is that of update %lld", (long long)tr->folder.step);
    return status == OPA_OK ? say_end(tr) : run_fail(&tr->run, status);
}

int training_run(struct training *tr)
{
    int go = check_options(tr);
    if (go == GO_ON)
        go = run_open(&tr->run);
    if (go != GO_ON)
        return go;
    int status = open_params(tr);
    if (status == OPA_OK)
        status = open_reference(tr);
    if (status == OPA_OK)
        status = open_data(tr);
    if (status != OPA_OK)
        return run_fail(&tr->run, status);
    open_schedule(tr);
    record_settings(tr);
    go = open_folder(tr);
    if (go != GO_ON)
        return go;
    status = open_pass(tr);
    if (status != OPA_OK)
        return run_fail(&tr->run, status);
    say_plan(tr);
    return train(tr);
}

static void samples_release(struct samples *s)
{
    dataset_release(&s->data);
    reference_release(&s->reference);
    vision_cache_release(&s->features);
    free(s->measured);
}

void training_release(struct training *tr)
{
    for (size_t i = 0; i < tr->example_capacity; i++) {
        example_release(tr->examples[i]);
        free(tr->examples[i]);
    }
    free(tr->examples);
    free(tr->order);
    example_release(&tr->other);
    samples_release(&tr->train);
    samples_release(&tr->eval);
    train_free(tr->pass);
    optimiser_release(&tr->optimiser);
    session_release(&tr->eyes);
    session_release(&tr->referee);
    params_release(&tr->params);
    adapter_free(tr->reference_adapter);
    run_folder_release(&tr->folder);
    settings_release(&tr->seen);
    if (tr->log != NULL)
        fclose(tr->log);
    if (tr->eval_log != NULL)
        fclose(tr->eval_log);
    opa_json_writer_free(tr->w);
    run_release(&tr->run);
}
