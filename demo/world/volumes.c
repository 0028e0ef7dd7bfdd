/* SPDX-License-Identifier: Apache-2.0 */
#include "volumes.h"

#include <math.h>
#include <unistd.h>

const int volume_samples[VOLUMES] = {600, 1200, 2400, 4800};

/* Values of one seed: HalRate, Cover, and what HalRate is over the curve (NAN beyond its ends). */
static int read_seed(struct cli *cli, double out[3], const char *path, const struct curve_point curve[CURVE_POINTS])
{
    struct answers answers = {0};
    double on_curve;
    const int result = answers_read(cli, &answers, path);
    const struct measures m = answers_measure(&answers);
    answers_release(&answers);
    out[0] = m.hal_rate;
    out[1] = m.cover;
    out[2] = curve_hal_rate(&on_curve, curve, m.cover) ? m.hal_rate - on_curve : NAN;
    return result;
}

static void sum_up(struct volume *v, double values[MOST_SEEDS][3])
{
    for (int k = 0; k < 3; k++) {
        double squares = 0;
        for (int s = 0; s < v->seeds; s++)
            v->mean[k] += values[s][k] / v->seeds;
        for (int s = 0; s < v->seeds; s++)
            squares += (values[s][k] - v->mean[k]) * (values[s][k] - v->mean[k]);
        v->error[k] = v->seeds > 1 ? sqrt(squares / (v->seeds - 1) / v->seeds) : 0;
    }
}

int volumes_read(struct cli *cli, struct volume out[VOLUMES][VOLUME_SYSTEMS], const char *dir,
                 const char *const names[VOLUME_SYSTEMS], const struct curve_point curve[CURVE_POINTS])
{
    char path[4096];
    for (int i = 0; i < VOLUMES * VOLUME_SYSTEMS; i++) {
        struct volume *v = &out[i / VOLUME_SYSTEMS][i % VOLUME_SYSTEMS];
        double values[MOST_SEEDS][3];
        *v = (struct volume){0};
        for (int seed = 1; seed <= MOST_SEEDS; seed++) {
            snprintf(path, sizeof path, "%s/volumes/s%d/n%d/answers/%s.jsonl", dir, seed,
                     volume_samples[i / VOLUME_SYSTEMS], names[i % VOLUME_SYSTEMS]);
            if (access(path, F_OK) != 0)
                continue;
            const int result = read_seed(cli, values[v->seeds], path, curve);
            if (result != 0)
                return result;
            v->seeds++;
        }
        sum_up(v, values);
    }
    return 0;
}
