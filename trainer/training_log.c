/* SPDX-License-Identifier: Apache-2.0 */
/* log.jsonl and eval.jsonl, and the line that is seen while it runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "training.h"

/* Open for writing behind the first @p size bytes. A log that somebody made shorter is no reason to train no further. */
static int open_at(struct training *tr, FILE **out, const char *name, uint64_t size)
{
    char *path = path_join(tr->folder.path, name);
    if (path == NULL)
        return trainer_fail_memory(&tr->run.t);
    FILE *f = *out = fopen(path, path_exists(path) ? "r+b" : "w+b");
    struct stat st;
    int status = OPA_OK;
    if (f != NULL && fstat(fileno(f), &st) == 0 && (uint64_t)st.st_size < size) {
        cli_note(tr->run.cli, "%s: shorter than it was at the last checkpoint: lines before it are missing", path);
        size = (uint64_t)st.st_size;
    }
    if (f == NULL || ftruncate(fileno(f), (off_t)size) != 0 || fseek(f, 0, SEEK_END) != 0)
        status = trainer_fail(&tr->run.t, f ? OPA_EIO : OPA_ECREATE, "%s: %s", path, strerror(errno));
    free(path);
    return status;
}

int log_open(struct training *tr)
{
    const int status = open_at(tr, &tr->log, "log.jsonl", tr->folder.sizes.log);
    return status == OPA_OK ? open_at(tr, &tr->eval_log, "eval.jsonl", tr->folder.sizes.eval) : status;
}

struct run_sizes log_sizes(struct training *tr)
{
    return (struct run_sizes){(uint64_t)ftell(tr->log), (uint64_t)ftell(tr->eval_log)};
}

/* ---- lines ---- */

static void number(struct training *tr, const char *key, double x)
{
    opa_json_write_key(tr->w, key);
    opa_json_write_number(tr->w, x);
}

static void integer(struct training *tr, const char *key, int64_t n)
{
    opa_json_write_key(tr->w, key);
    opa_json_write_integer(tr->w, n);
}

static void write_report(struct training *tr, const struct loss_report *r)
{
    const double pairs = r->pairs > 0 ? (double)r->pairs : 1;
    for (int term = 0; term < TERM_COUNT; term++) {
        if (r->terms.used[term])
            number(tr, term_name((enum term)term), r->terms.value[term]);
    }
    if (r->pairs == 0)
        return;
    number(tr, "logp_chosen", r->chosen / pairs);
    number(tr, "logp_rejected", r->rejected / pairs);
    number(tr, "reward_chosen", r->reward_chosen / pairs);
    number(tr, "reward_rejected", r->reward_rejected / pairs);
    number(tr, "margin", (r->reward_chosen - r->reward_rejected) / pairs);
    number(tr, "accuracy", r->right / pairs);
}

static int put_line(struct training *tr, FILE *f)
{
    opa_text line;
    if (opa_json_writer_finish(tr->w, &line) != OPA_OK)
        return trainer_fail_memory(&tr->run.t);
    const bool good = fwrite(line.data, 1, line.size, f) == line.size && fputc('\n', f) != EOF && fflush(f) == 0;
    opa_json_writer_clear(tr->w);
    return good ? OPA_OK
                : trainer_fail(&tr->run.t, OPA_EIO, "%s: the log cannot be written: %s", tr->folder.path,
                               strerror(errno));
}

int log_update(struct training *tr, int64_t step, double rate, double seconds, int64_t tokens)
{
    if (tr->log == NULL)
        return OPA_OK;
    opa_json_begin_object(tr->w);
    integer(tr, "step", step);
    number(tr, "loss", tr->update.report.terms.total);
    number(tr, "learning_rate", rate);
    number(tr, "grad_norm", tr->update.norm);
    write_report(tr, &tr->update.report);
    integer(tr, "targets", (int64_t)tr->update.counts.targets);
    integer(tr, "tokens", tokens);
    number(tr, "seconds", seconds);
    opa_json_end_object(tr->w);
    return put_line(tr, tr->log);
}

int log_eval(struct training *tr, int64_t step)
{
    if (tr->eval_log == NULL)
        return OPA_OK;
    opa_json_begin_object(tr->w);
    integer(tr, "step", step);
    number(tr, "loss", tr->update.report.terms.total);
    write_report(tr, &tr->update.report);
    integer(tr, "samples", (int64_t)tr->eval.data.count);
    opa_json_end_object(tr->w);
    return put_line(tr, tr->eval_log);
}

static void show_steps(struct training *tr, size_t samples, size_t all)
{
    const struct step_progress now = {.stage = tr->run.cli->command->name,
                                      .done = tr->step,
                                      .total = tr->total,
                                      .before = tr->before,
                                      .samples = (int64_t)samples,
                                      .all = (int64_t)all,
                                      .tokens = tr->tokens,
                                      .what = tr->told};
    progress_steps(&tr->progress, &now);
}

void log_progress(struct training *tr, int64_t step)
{
    const struct loss_report *r = &tr->update.report;
    const double pairs = (double)r->pairs;
    const size_t n = (size_t)snprintf(tr->told, sizeof tr->told, "loss %.4f", r->terms.total);
    if (r->pairs > 0)
        snprintf(tr->told + n, sizeof tr->told - n, ", margin %.3f, %.0f%% right, chosen %.1f, rejected %.1f",
                 (r->reward_chosen - r->reward_rejected) / pairs, 100 * r->right / pairs, r->chosen / pairs,
                 r->rejected / pairs);
    tr->step = step;
    show_steps(tr, 0, 0);
}

void log_progress_within(struct training *tr, bool train, size_t done, size_t count)
{
    const struct token_progress now = {
        .stage = "eval", .done = (int64_t)done, .total = (int64_t)count, .tokens = tr->tokens - tr->tokens_before};
    if (train)
        show_steps(tr, done, count);
    else
        progress_tokens(&tr->looking, &now);
}
