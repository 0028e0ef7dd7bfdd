/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [SCHEDULE_COSINE] = "cosine", [SCHEDULE_LINEAR] = "linear", [SCHEDULE_CONSTANT] = "constant"};

bool schedule_parse(enum schedule_kind *out, const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum schedule_kind)i;
            return true;
        }
    }
    return false;
}

const char *schedule_name(enum schedule_kind kind)
{
    return names[kind];
}

/* Of the highest rate, at @p progress in [0, 1] behind the warm-up. */
static double decay(enum schedule_kind kind, double progress)
{
    const double pi = 3.14159265358979323846;
    switch (kind) {
    case SCHEDULE_COSINE:
        return fmax(0, 0.5 * (1 + cos(pi * progress)));
    case SCHEDULE_LINEAR:
        return fmax(0, 1 - progress);
    case SCHEDULE_CONSTANT:
        break;
    }
    return 1;
}

double schedule_rate(const struct schedule *s, int64_t step)
{
    if (step < s->warmup)
        return s->rate * ((double)step / (double)s->warmup);
    const int64_t left = s->total - s->warmup;
    return s->rate * decay(s->kind, (double)(step - s->warmup) / (double)(left > 1 ? left : 1));
}
