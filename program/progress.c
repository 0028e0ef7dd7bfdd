/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "term.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(struct progress *p, struct cli *cli)
{
    *p = (struct progress){.cli = cli, .started = seconds(), .terminal = term_is_smart(STDERR_FILENO)};
    p->shown = p->started;
}

double progress_seconds(const struct progress *p)
{
    return seconds() - p->started;
}

void progress_clear(struct cli *cli)
{
    if (cli->progress_shown)
        fputs("\r\033[K", stderr);
    cli->progress_shown = false;
}

/* "1,234 of 4,800 records" or "12.3 of 391.0 MB": bytes where the end is known in bytes only. */
static void amount(char *out, size_t size, const opa_progress *now)
{
    char a[32], b[32];
    if (now->items_total >= 0)
        snprintf(out, size, "%s of %s", thousands(a, now->items), thousands(b, now->items_total));
    else if (now->bytes_total > 0)
        snprintf(out, size, "%s records, %.1f of %.1f MB", thousands(a, now->items), (double)now->bytes / 1e6,
                 (double)now->bytes_total / 1e6);
    else
        snprintf(out, size, "%s", thousands(a, now->items));
}

/* Is it time for the next line? */
static bool due(struct progress *p, double *passed)
{
    const double t = seconds();
    *passed = t - p->started;
    if (t - p->shown < (p->terminal ? 0.1 : 10.0))
        return false;
    p->shown = t;
    return true;
}

/* "STAGE: WHAT, RATE, 1:05 left"; done of total says how much is left. */
static void print_line(struct progress *p, const char *stage, const char *what, const char *rate, double left)
{
    char eta[48] = "";
    if (left >= 3600)
        snprintf(eta, sizeof eta, ", %ld:%02ld:%02ld left", (long)left / 3600, (long)left / 60 % 60, (long)left % 60);
    else if (left >= 0)
        snprintf(eta, sizeof eta, ", %ld:%02ld left", (long)left / 60, (long)left % 60);
    if (p->terminal) {
        fprintf(stderr, "\r\033[K%s: %s, %s%s", stage ? stage : "", what, rate, eta);
        p->cli->progress_shown = true;
    } else {
        fprintf(stderr, "%s %s: %s, %s%s\n", p->cli->program->name, stage ? stage : "", what, rate, eta);
    }
}

void progress_show(struct progress *p, const opa_progress *now)
{
    double passed;
    if (!due(p, &passed))
        return;
    const bool by_items = now->items_total > 0;
    const double done = by_items ? (double)now->items : (double)now->bytes;
    const double total = by_items ? (double)now->items_total : (double)now->bytes_total;
    char what[128], rate[48];
    amount(what, sizeof what, now);
    if (now->bytes > 0)
        snprintf(rate, sizeof rate, "%.0f/s, %.1f MB/s", (double)now->items / passed,
                 (double)now->bytes / 1e6 / passed);
    else
        snprintf(rate, sizeof rate, "%.0f/s", (double)now->items / passed);
    print_line(p, now->stage, what, rate, done > 0 && total >= done ? passed / done * (total - done) + 0.5 : -1);
}

void progress_tokens(struct progress *p, const struct token_progress *now)
{
    double passed;
    if (!due(p, &passed))
        return;
    char what[96], rate[48], a[32], b[32];
    const int64_t made = now->done - now->before, left = now->total - now->done;
    snprintf(what, sizeof what, "%s of %s samples", thousands(a, now->done), thousands(b, now->total));
    snprintf(rate, sizeof rate, "%s tokens/s", thousands(a, (int64_t)((double)now->tokens / passed + 0.5)));
    print_line(p, now->stage, what, rate, made > 0 ? passed / (double)made * (double)left + 0.5 : -1);
}

void progress_steps(struct progress *p, const struct step_progress *now)
{
    double passed;
    if (!due(p, &passed))
        return;
    char what[200], rate[48], a[32], b[32], c[32];
    const int64_t made = now->done - now->before, left = now->total - now->done;
    snprintf(what, sizeof what, "step %s of %s, %s", thousands(a, now->done), thousands(b, now->total), now->what);
    snprintf(rate, sizeof rate, "%s tokens/s", thousands(c, (int64_t)((double)now->tokens / passed + 0.5)));
    print_line(p, now->stage, what, rate, made > 0 ? passed / (double)made * (double)left + 0.5 : -1);
}
