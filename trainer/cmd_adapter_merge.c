/* SPDX-License-Identifier: Apache-2.0 */
/* adapter merge, and how far the merged checkpoint is from the adapter that went into it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_adapter.h"
#include "drift.h"
#include "model/merge.h"

/* ---- options ---- */

/* Without slashes at the end: beside it stands OUT.merging. */
static char *plain_path(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return strndup(path, n);
}

static int read_options(struct adapter_run *a, struct merge_options *out)
{
    struct cli *cli = a->run.cli;
    if (a->run.output == NULL)
        return cli_usage(cli, "merge: give the new checkpoint's folder with -o OUT");
    *out = (struct merge_options){.from = a->run.model_dir, .keep_tower = a->run.vision_tower != NULL};
    if (a->stored == NULL)
        return GO_ON;
    out->convert = true;
    for (int d = OPS_F32; d <= OPS_F16; d++) {
        out->dtype = (ops_dtype)d;
        if (strcmp(a->stored, ops_dtype_name(out->dtype)) == 0)
            return GO_ON;
    }
    return cli_usage(cli, "--dtype: '%s' is none of f32, bf16, f16", a->stored);
}

/* ---- drift ---- */

static int measure(struct run *run, struct drift *d, const struct dataset *data, int64_t *left_out)
{
    struct progress progress;
    struct token_progress now = {.stage = "compare", .total = (int64_t)data->count};
    int status = OPA_OK;
    progress_start(&progress, run->cli);
    for (size_t i = 0; i < data->count && status == OPA_OK; i++) {
        now.done++;
        status = drift_add(&run->t, d, data, i);
        if (status == OPA_ERECORD) {
            const char *id = d->examples[0].sample.id;
            cli_note(run->cli, "%s: sample %s left out: %s", dataset_pack_of(data, i)->path, id ? id : "?",
                     run->t.message);
            ++*left_out;
            status = OPA_OK;
        }
        now.tokens += (int64_t)(d->base.tree.tokens + d->adapted.tree.tokens + d->merged.tree.tokens);
        progress_tokens(&progress, &now);
    }
    progress_clear(run->cli);
    return status;
}

static void say_drift(struct cli *cli, const struct drift *d)
{
    char a[32], b[32];
    const double tokens = (double)d->tokens;
    out_printf(cli, "%-26s %s of %s samples\n", "tokens compared", thousands(a, (int64_t)d->tokens),
               thousands(b, (int64_t)d->samples));
    if (d->tokens == 0)
        return;
    out_printf(cli, "%-26s %.3g a token, %.3g at most\n", "the adapter moves log-prob", d->adapter.sum / tokens,
               d->adapter.most);
    out_printf(cli, "%-26s %.3g a token, %.3g at most", "merging moves it", d->merge.sum / tokens, d->merge.most);
    const double share = d->adapter.sum > 0 ? 100 * d->merge.sum / d->adapter.sum : 0;
    if (d->adapter.sum > 0)
        out_printf(cli, ": %.*f%% of what the adapter does", share < 10, share);
    out_printf(cli, "\n");
}

/* The exit code. @p tower: the merged checkpoint has one of its own. */
static int compare(struct adapter_run *a, const struct dataset *data, const char *merged_dir, bool tower)
{
    struct run *run = &a->run;
    const struct model_options options = {tower ? NULL : run->vision_tower, run->image_mode};
    struct model *merged = NULL;
    int64_t left_out = 0;
    int status = model_open(&run->t, &merged, merged_dir, &options);
    struct drift *d = calloc(1, sizeof *d);
    if (status == OPA_OK && d == NULL)
        status = trainer_fail_memory(&run->t);
    if (status == OPA_OK) {
        d->base = (struct session){.t = &run->t, .model = run->model};
        d->adapted = (struct session){.t = &run->t, .model = run->model, .adapter = run->adapter};
        d->merged = (struct session){.t = &run->t, .model = merged};
        d->prompter = &run->prompter;
        status = measure(run, d, data, &left_out);
    }
    if (status == OPA_OK)
        say_drift(run->cli, d);
    if (d != NULL)
        drift_release(d);
    free(d);
    model_free(merged);
    return status != OPA_OK ? run_fail(run, status) : left_out > 0 ? EXIT_FINDING : EXIT_DONE;
}

/* ---- merge ---- */

static void say_merged(struct adapter_run *a, const struct merge_report *r)
{
    struct cli *cli = a->run.cli;
    char n[32], m[32], share[16];
    out_printf(cli, "%-26s %zu\n", "layers merged", r->layers);
    out_printf(cli, "%-26s %s of %s (%s)\n", "weights that differ", thousands(n, (int64_t)r->changed),
               thousands(m, (int64_t)r->weights), percentage(share, (int64_t)r->changed, (int64_t)r->weights));
    const double lost = r->change > 0 ? sqrt(r->lost / r->change) : 0;
    if (r->change > 0)
        out_printf(cli, "%-26s %.3g%% of the adapter's change (root of squares)\n", "lost in rounding", 100 * lost);
    if (lost > 0.1)
        cli_note(cli, "warning: the steps of the stored type are too wide for this adapter: keep it unmerged, or store "
                      "with --dtype f32");
}

static int show(void *user, const opa_progress *now)
{
    progress_show(user, now);
    return 0;
}

/* GO_ON or an exit code. */
static int merge(struct adapter_run *a, const char *to, struct merge_options *options, struct merge_report *report)
{
    struct run *run = &a->run;
    struct progress progress;
    if (path_exists(to))
        return cli_error(run->cli, EXIT_CREATE, "%s is there already: choose another -o", to);
    progress_start(&progress, run->cli);
    options->progress = show;
    options->user = &progress;
    const int status = merge_write(&run->t, report, to, run->model, run->adapter, options);
    progress_clear(run->cli);
    if (status != OPA_OK)
        return run_fail(run, status);
    cli_note(run->cli, "%s is a checkpoint, made in %.1f s", to, progress_seconds(&progress));
    say_merged(a, report);
    return GO_ON;
}

/* The packs are opened before: better now than behind the merge. */
static int merge_and_compare(struct adapter_run *a, const char *to, struct merge_options *options)
{
    struct run *run = &a->run;
    struct dataset data = {0};
    struct merge_report report;
    int status = OPA_OK;
    if (a->packs.count > 0 && run->model->config.family == FAMILY_ONEVISION)
        status = trainer_fail(&run->t, OPA_EUNSUPPORTED,
                              "--pack: log-probs of LLaVA-OneVision are not compared here; merge "
                              "without it");
    else if (a->packs.count > 0)
        status =
            dataset_open(&run->t, &data, (char *const *)(uintptr_t)a->packs.of, a->packs.count, run->model->tokenizer);
    int go = status == OPA_OK ? merge(a, to, options, &report) : run_fail(run, status);
    if (go == GO_ON)
        go = a->packs.count > 0 ? compare(a, &data, to, report.tower) : EXIT_DONE;
    dataset_release(&data);
    return go;
}

int adapter_merge(struct adapter_run *a)
{
    struct merge_options options;
    int go = read_options(a, &options);
    if (go == GO_ON)
        go = run_open(&a->run);
    if (go != GO_ON)
        return go;
    char *to = plain_path(a->run.output);
    go = to ? merge_and_compare(a, to, &options) : cli_error(a->run.cli, EXIT_IO, "out of memory");
    free(to);
    return go;
}
