/* SPDX-License-Identifier: Apache-2.0 */
#include "training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the flags say ---- */

static int check_options(struct training *tr)
{
    struct cli *cli = tr->run.cli;
    const struct training_options *o = &tr->options;
    tr->rank_given = o->rank >= 0;
    tr->alpha_given = !isnan(o->alpha);
    if (!tr->rank_given)
        tr->options.rank = 256; /* OPA-DPO's scripts, as alpha: 512 */
    if (!tr->alpha_given)
        tr->options.alpha = 2 * (double)o->rank;
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

/* At most what START has: targets are its own, unless --targets names fewer. */
static void targets_of_start(struct training *tr)
{
    size_t count[PART_COUNT];
    if (tr->run.adapter == NULL)
        return;
    adapter_count(count, tr->run.adapter, tr->run.model);
    const enum targets most = count[PART_VISION] > 0      ? TARGETS_ALL
                              : count[PART_PROJECTOR] > 0 ? TARGETS_LLM_PROJECTOR
                                                          : TARGETS_LLM;
    if (most < tr->targets && tr->options.targets != NULL)
        cli_note(tr->run.cli,
                 "warning: --targets %s: the adapter to start from has layers of %s only, which are trained",
                 tr->options.targets, targets_name(most));
    tr->targets = most < tr->targets ? most : tr->targets;
}

/* Its rank and alpha are in its matrices: what the options say of a fresh adapter does not apply. */
static void note_start(const struct training *tr)
{
    const struct training_options *o = &tr->options;
    const struct params *p = &tr->params;
    if (tr->rank_given && (size_t)o->rank != p->rank)
        cli_note(tr->run.cli, "warning: --rank %lld is passed over: the adapter to start from has rank %zu",
                 (long long)o->rank, p->rank);
    if (tr->alpha_given && fabs(o->alpha - p->alpha) > 1e-6 * p->alpha)
        cli_note(tr->run.cli, "warning: --alpha %g is passed over: the adapter to start from has alpha %g", o->alpha,
                 p->alpha);
}

/* A product of rank r is one of the smaller side of its layer where r is larger. */
static int check_rank(struct training *tr)
{
    const struct loader *l = &tr->run.model->loader;
    size_t widest = 256; /* the default is for any model */
    for (size_t i = 0; i < l->module_count; i++) {
        widest = l->modules[i].rows > widest ? l->modules[i].rows : widest;
        widest = l->modules[i].cols > widest ? l->modules[i].cols : widest;
    }
    if (tr->run.adapter != NULL || (size_t)tr->options.rank <= widest)
        return OPA_OK;
    return trainer_fail(&tr->run.t, OPA_EINVAL, "--rank %lld: no layer of the model has use for more than %zu",
                        (long long)tr->options.rank, widest);
}

static int open_params(struct training *tr)
{
    struct run *run = &tr->run;
    struct trainer *t = &run->t;
    if (run->model->config.family == FAMILY_ONEVISION)
        return trainer_fail(t, OPA_EUNSUPPORTED,
                            "training of LLaVA-OneVision is not built in (score and generate are)");
    targets_of_start(tr);
    if (!model_sees(run->model) && tr->options.targets == NULL)
        tr->targets = TARGETS_LLM;
    int status = check_rank(tr);
    if (status != OPA_OK)
        return status;
    status = run->adapter ? params_from(t, &tr->params, run->model, tr->targets, run->adapter)
                          : params_new(t, &tr->params, run->model, tr->targets, (size_t)tr->options.rank,
                                       tr->options.alpha, run->seed);
    if (status == OPA_OK && run->adapter)
        note_start(tr);
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

/* Once for all samples, however many packs. */
static void note_unused(const struct training *tr)
{
    const size_t *n = tr->train.unused;
    char text[160] = "";
    size_t used = 0;
    for (int type = 0; type < PAIR_TYPES; type++) {
        if (n[type] > 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu %s pairs", used > 0 ? " and " : "",
                                     n[type], pair_type_name((enum pair_type)type));
    }
    if (used > 0)
        cli_note(tr->run.cli, "warning: the objective %s passes over %s", tr->loss.objective->name, text);
}

static int open_data(struct training *tr)
{
    struct run *run = &tr->run;
    progress_start(&tr->progress, run->cli);
    int status = feed_measure(tr, &tr->train, run->cli->args, (size_t)run->cli->arg_count);
    if (status == OPA_OK && tr->options.eval != NULL)
        status = feed_measure(tr, &tr->eval, &(char *){(char *)(uintptr_t)tr->options.eval}, 1);
    progress_clear(run->cli);
    if (status == OPA_OK)
        note_unused(tr);
    return status;
}

static void open_schedule(struct training *tr)
{
    const double warmup = tr->options.warmup;
    tr->per_epoch = ((int64_t)tr->train.data.count + tr->options.batch - 1) / tr->options.batch;
    tr->total = tr->per_epoch * tr->options.epochs;
    tr->schedule.rate = tr->options.lr;
    tr->schedule.total = tr->total;
    tr->schedule.warmup = (int64_t)(warmup < 1 ? ceil(warmup * (double)tr->total) : warmup);
}

/* ---- the folder ---- */

struct adapter_out training_adapter(const struct training *tr)
{
    return (struct adapter_out){&tr->params.adapter, tr->run.model, tr->params.alpha, tr->run.model_dir};
}

/* GO_ON, or the exit code: the run is over before it begins. */
static int open_folder(struct training *tr)
{
    struct run *run = &tr->run;
    struct run_folder *f = &tr->folder;
    int status = run_folder_open(&run->t, f, run->output, (size_t)tr->options.keep);
    if (status == OPA_OK)
        status = run_folder_lock(&run->t, f);
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

/* Only the first rank sees the folder. */
static int begin_or_go_on(struct training *tr)
{
    struct trainer *t = &tr->run.t;
    int status = opa_json_writer_new(t->opa, &tr->w) == OPA_OK ? OPA_OK : trainer_fail_memory(t);
    if (status == OPA_OK && ranks_first(&tr->ranks)) {
        status = tr->folder.step >= 0 ? checkpoint_load(t, &tr->folder, tr->run.model, &tr->params, &tr->optimiser)
                                      : record_write(tr);
        if (status == OPA_OK)
            status = log_open(tr);
    }
    status = ranks_agree(&tr->ranks, t, status);
    if (status == OPA_OK)
        training_share(tr);
    tr->begun = status == OPA_OK;
    if (status == OPA_OK && tr->folder.step >= 0)
        cli_note(tr->run.cli, "goes on behind update %lld of %lld", (long long)tr->folder.step, (long long)tr->total);
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
             thousands(a, (int64_t)((double)tr->tokens / (seconds > 0 ? seconds : 1) + 0.5)), tr->run.output);
    return tr->left_out > 0 ? EXIT_FINDING : EXIT_DONE;
}

static int feed_references(struct training *tr)
{
    int status = feed_reference(tr, &tr->train);
    if (status == OPA_OK && tr->eval.data.count > 0)
        status = feed_reference(tr, &tr->eval);
    if (status != OPA_OK || tr->folder.step >= 0)
        return status;
    return ranks_agree(&tr->ranks, &tr->run.t, ranks_first(&tr->ranks) ? feed_on_policy(tr) : OPA_OK);
}

static int finish(struct training *tr)
{
    const struct adapter_out out = training_adapter(tr);
    const bool first = ranks_first(&tr->ranks);
    return ranks_agree(&tr->ranks, &tr->run.t, first ? run_folder_finish(&tr->run.t, &tr->folder, &out) : OPA_OK);
}

static int train(struct training *tr)
{
    int status = training_compare(tr);
    if (status == OPA_OK)
        status = begin_or_go_on(tr);
    if (status == OPA_OK)
        status = ranks_agree(&tr->ranks, &tr->run.t, feed_features(tr, &tr->train));
    if (status == OPA_OK)
        status = ranks_agree(&tr->ranks, &tr->run.t, feed_features(tr, &tr->eval));
    if (status == OPA_OK && tr->reference)
        status = feed_references(tr);
    if (status == OPA_OK)
        status = loop_run(tr);
    if (status == OPA_OK && tr->folder.step == tr->total)
        status = finish(tr);
    if (status == OPA_OK && tr->folder.step == tr->total) {
        vision_cache_remove(&tr->train.features);
        vision_cache_remove(&tr->eval.features);
    }
    if (status != OPA_OK && tr->folder.step > 0 && tr->begun)
        cli_note(tr->run.cli, "the last good checkpoint is that of update %lld", (long long)tr->folder.step);
    return status == OPA_OK ? say_end(tr) : run_fail(&tr->run, status);
}

/* Ranks of one host do not take each other's processors, unless they are told to. */
static void choose_threads(struct training *tr)
{
    const char *given = getenv("OMP_NUM_THREADS");
    if (tr->run.threads == 0 && (given == NULL || *given == '\0'))
        tr->run.threads = tr->ranks.threads;
}

/* What a rank does by itself. */
static int prepare(struct training *tr)
{
    int go = check_options(tr);
    choose_threads(tr);
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
    go = ranks_first(&tr->ranks) ? open_folder(tr) : GO_ON;
    if (go != GO_ON)
        return go;
    status = plan_open(tr);
    if (status != OPA_OK)
        return run_fail(&tr->run, status);
    plan_say(tr);
    return GO_ON;
}

int training_run(struct training *tr, int go)
{
    if (go == GO_ON)
        go = prepare(tr);
    go = training_agree(tr, go);
    return go == GO_ON ? train(tr) : go;
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
    free(tr->reports);
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
    tfevents_release(&tr->events);
    opa_json_writer_free(tr->w);
    run_release(&tr->run);
    ranks_close(&tr->ranks); /* waits for all: mpirun ends those that are left behind one that ended with an error */
    tr->run.cli->held = NULL;
}
