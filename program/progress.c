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

void progress_show(struct progress *p, const opa_progress *now)
{
    const double t = seconds(), passed = t - p->started;
    if (t - p->shown < (p->terminal ? 0.1 : 10.0))
        return;
    p->shown = t;
    const bool by_items = now->items_total > 0;
    const double done = by_items ? (double)now->items : (double)now->bytes;
    const double total = by_items ? (double)now->items_total : (double)now->bytes_total;
    char what[128], rate[48], eta[48] = "";
    amount(what, sizeof what, now);
    if (now->bytes > 0)
        snprintf(rate, sizeof rate, "%.0f/s, %.1f MB/s", (double)now->items / passed,
                 (double)now->bytes / 1e6 / passed);
    else
        snprintf(rate, sizeof rate, "%.0f/s", (double)now->items / passed);
    if (done > 0 && total >= done) {
        const long left = (long)(passed / done * (total - done) + 0.5);
        snprintf(eta, sizeof eta, ", %ld:%02ld left", left / 60, left % 60);
    }
    if (p->terminal) {
        fprintf(stderr, "\r\033[K%s: %s, %s%s", now->stage ? now->stage : "", what, rate, eta);
        p->cli->progress_shown = true;
    } else {
        fprintf(stderr, "%s %s: %s, %s%s\n", p->cli->program->name, now->stage ? now->stage : "", what, rate, eta);
    }
}
