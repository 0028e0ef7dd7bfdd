/* SPDX-License-Identifier: Apache-2.0 */
/* log.jsonl and eval.jsonl, TensorBoard's file with the same numbers, and the line that is seen while it runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "durable.h"
#include "training.h"

/* Are a file's first @p size bytes whole lines of objects? A kill never leaves others behind a checkpoint's size, but a disk may. */
static bool holds_lines(const char *path, uint64_t size)
{
    FILE *f = fopen(path, "rb");
    int c = '\n', before = '\n';
    bool good = f != NULL;
    for (uint64_t i = 0; i < size && good && (c = getc(f)) != EOF; i++) {
        good = c == '\n' ? before == '}' : before == '\n' ? c == '{' : (unsigned)c >= ' ';
        before = c;
    }
    if (f != NULL)
        fclose(f);
    return good && before == '\n';
}

/* What is no log stays beside the new one. */
static int put_aside(struct training *tr, const char *path)
{
    char *aside = malloc(strlen(path) + sizeof ".damaged");
    if (aside == NULL)
        return trainer_fail_memory(&tr->run.t);
    strcpy(stpcpy(aside, path), ".damaged");
    const int status = durable_rename(&tr->run.t, path, aside);
    if (status == OPA_OK)
        cli_note(tr->run.cli, "%s: damaged, and put aside as %s: a new one begins here", path, aside);
    free(aside);
    return status;
}

/* Open for writing behind the first @p size bytes. A log that somebody made shorter is no reason to train no further. */
static int open_at(struct training *tr, FILE **out, const char *name, uint64_t size)
{
    char *path = path_join(tr->folder.path, name);
    if (path == NULL)
        return trainer_fail_memory(&tr->run.t);
    int status = OPA_OK;
    if (path_exists(path) && !holds_lines(path, size)) {
        status = put_aside(tr, path);
        size = 0;
    }
    if (status != OPA_OK) {
        free(path);
        return status;
    }
    FILE *f = *out = fopen(path, path_exists(path) ? "r+b" : "w+b");
    struct stat st;
    if (f != NULL && fstat(fileno(f), &st) == 0 && (uint64_t)st.st_size < size) {
        cli_note(tr->run.cli, "%s: shorter than it was at the last checkpoint: lines before it are missing", path);
        size = (uint64_t)st.st_size;
    }
    if (f == NULL || ftruncate(fileno(f), (off_t)size) != 0 || fseek(f, 0, SEEK_END) != 0)
        status = trainer_fail(&tr->run.t, f ? OPA_EIO : OPA_ECREATE, "%s: %s", path, strerror(errno));
    free(path);
    return status;
}

static double wall_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int log_open(struct training *tr)
{
    int status = open_at(tr, &tr->log, "log.jsonl", tr->folder.sizes.log);
    if (status == OPA_OK)
        status = open_at(tr, &tr->eval_log, "eval.jsonl", tr->folder.sizes.eval);
    if (status == OPA_OK)
        status = tfevents_open(&tr->run.t, &tr->events, tr->folder.path, tr->folder.step + 1, wall_time());
    return status;
}

struct run_sizes log_sizes(struct training *tr)
{
    return (struct run_sizes){(uint64_t)ftell(tr->log), (uint64_t)ftell(tr->eval_log)};
}

/* ---- lines ---- */

/* One that is being written: an update's, or an evaluation's. */
struct line {
    struct training *tr;
    bool eval;
};

static struct line begin_line(struct training *tr, int64_t step, bool eval)
{
    tfevents_begin(&tr->events, step, wall_time());
    opa_json_begin_object(tr->w);
    opa_json_write_key(tr->w, "step");
    opa_json_write_integer(tr->w, step);
    return (struct line){tr, eval};
}

/* Under which name a field is charted: TensorBoard puts together what begins alike. */
static void scalar(const struct line *l, const char *key, double x)
{
    static const char *const tags[][2] = {
        {"loss", "train/loss"},           {"learning_rate", "train/learning_rate"},
        {"grad_norm", "train/grad_norm"}, {"targets", "train/targets"},
        {"tokens", "train/tokens"},       {"seconds", "train/seconds"},
        {"logp_chosen", "logp/chosen"},   {"logp_rejected", "logp/rejected"},
        {"margin", "reward/margin"},      {"reward_chosen", "reward/chosen"},
        {"accuracy", "reward/accuracy"},  {"reward_rejected", "reward/rejected"},
    };
    char tag[TFEVENTS_TAG];
    snprintf(tag, sizeof tag, "%s/%s", l->eval ? "eval" : "terms", key);
    for (size_t i = 0; !l->eval && i < sizeof tags / sizeof tags[0]; i++) {
        if (strcmp(tags[i][0], key) == 0)
            snprintf(tag, sizeof tag, "%s", tags[i][1]);
    }
    tfevents_scalar(&l->tr->events, tag, x);
}

static void number(const struct line *l, const char *key, double x)
{
    opa_json_write_key(l->tr->w, key);
    opa_json_write_number(l->tr->w, x);
    scalar(l, key, x);
}

static void integer(const struct line *l, const char *key, int64_t n)
{
    opa_json_write_key(l->tr->w, key);
    opa_json_write_integer(l->tr->w, n);
    scalar(l, key, (double)n);
}

static void write_report(const struct line *l, const struct loss_report *r)
{
    const double pairs = r->pairs > 0 ? (double)r->pairs : 1;
    for (int term = 0; term < TERM_COUNT; term++) {
        if (r->terms.used[term])
            number(l, term_name((enum term)term), r->terms.value[term]);
    }
    if (r->pairs == 0)
        return;
    number(l, "logp_chosen", r->chosen / pairs);
    number(l, "logp_rejected", r->rejected / pairs);
    number(l, "reward_chosen", r->reward_chosen / pairs);
    number(l, "reward_rejected", r->reward_rejected / pairs);
    number(l, "margin", (r->reward_chosen - r->reward_rejected) / pairs);
    number(l, "accuracy", r->right / pairs);
}

static int put_line(const struct line *l, FILE *f)
{
    struct training *tr = l->tr;
    opa_text line;
    opa_json_end_object(tr->w);
    if (opa_json_writer_finish(tr->w, &line) != OPA_OK)
        return trainer_fail_memory(&tr->run.t);
    const bool good = fwrite(line.data, 1, line.size, f) == line.size && fputc('\n', f) != EOF && fflush(f) == 0;
    opa_json_writer_clear(tr->w);
    return good ? tfevents_end(&tr->run.t, &tr->events)
                : trainer_fail(&tr->run.t, OPA_EIO, "%s: the log cannot be written: %s", tr->folder.path,
                               strerror(errno));
}

int log_update(struct training *tr, int64_t step, double rate, double seconds, int64_t tokens)
{
    if (tr->log == NULL)
        return OPA_OK;
    const struct line l = begin_line(tr, step, false);
    number(&l, "loss", tr->update.report.terms.total);
    number(&l, "learning_rate", rate);
    number(&l, "grad_norm", tr->update.norm);
    write_report(&l, &tr->update.report);
    integer(&l, "targets", (int64_t)tr->update.counts.targets);
    integer(&l, "tokens", tokens);
    number(&l, "seconds", seconds);
    return put_line(&l, tr->log);
}

int log_eval(struct training *tr, int64_t step)
{
    if (tr->eval_log == NULL)
        return OPA_OK;
    const struct line l = begin_line(tr, step, true);
    number(&l, "loss", tr->update.report.terms.total);
    write_report(&l, &tr->update.report);
    integer(&l, "samples", (int64_t)tr->eval.data.count);
    return put_line(&l, tr->eval_log);
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
    char chosen[sizeof tr->told] = ""; /* numbers of a run that overflows are long, and cut */
    if (r->pairs > 0)
        snprintf(chosen, sizeof chosen, ", margin %.3f, %.0f%% right, chosen %.1f, rejected %.1f",
                 (r->reward_chosen - r->reward_rejected) / pairs, 100 * r->right / pairs, r->chosen / pairs,
                 r->rejected / pairs);
    snprintf(tr->told, sizeof tr->told, "loss %.4f%s", r->terms.total, chosen);
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
