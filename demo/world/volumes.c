/* SPDX-License-Identifier: Apache-2.0 */
#include "volumes.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum quantity { HAL_RATE, COVER, EXCESS, QUANTITIES };

/* A value a scene for each quantity: of one seed, or the sum over the seeds. */
struct values {
    double *of[QUANTITIES];
    bool on_curve; /* else EXCESS has none */
};

/* One system at one volume in the making. */
struct pool {
    size_t scenes;
    struct values seed, sum;
    double seeds[QUANTITIES][MOST_SEEDS]; /* means over the scenes */
    int count;                            /* of seeds */
    double *memory;
};

static bool pool_begin(struct pool *p, size_t scenes)
{
    *p = (struct pool){.scenes = scenes, .sum.on_curve = true};
    p->memory = calloc(2 * QUANTITIES * scenes + 1, sizeof *p->memory);
    for (size_t q = 0; q < QUANTITIES && p->memory != NULL; q++) {
        p->seed.of[q] = p->memory + 2 * q * scenes;
        p->sum.of[q] = p->memory + (2 * q + 1) * scenes;
    }
    return p->memory != NULL;
}

static void pool_add(struct pool *p)
{
    for (int q = 0; q < QUANTITIES; q++) {
        double sum = 0;
        for (size_t i = 0; i < p->scenes; i++) {
            sum += p->seed.of[q][i];
            p->sum.of[q][i] += p->seed.of[q][i];
        }
        p->seeds[q][p->count] = sum / (double)p->scenes;
    }
    p->sum.on_curve = p->sum.on_curve && p->seed.on_curve;
    p->count++;
}

/* The mean over seeds and scenes. Its error is that over the seeds and that over the scenes, squares added: a little too
 * large, for what a seed does to single scenes is in both. */
static struct estimate pool_mean(struct pool *p, enum quantity q)
{
    for (size_t i = 0; i < p->scenes; i++)
        p->sum.of[q][i] /= p->count;
    const struct estimate scenes = estimate_of(p->sum.of[q], p->scenes);
    const struct estimate seeds = estimate_of(p->seeds[q], (size_t)p->count);
    return (struct estimate){scenes.value, hypot(scenes.error, seeds.error)};
}

static int read_seed(struct cli *cli, struct values *out, const char *path, const struct curve *curve)
{
    struct answers answers = {0};
    struct outcome *outcomes = calloc(curve->base->count + 1, sizeof *outcomes);
    int result = outcomes != NULL ? answers_read(cli, &answers, path) : cli_error(cli, EXIT_IO, "out of memory");
    answers_sort(&answers);
    if (result == 0 && !answers_outcomes(outcomes, &answers, curve->base))
        result = cli_error(cli, EXIT_DATA, "%s: some of the base's scenes have no answer", path);
    if (result == 0) {
        for (size_t i = 0; i < curve->base->count; i++) {
            out->of[HAL_RATE][i] = outcomes[i].invents;
            out->of[COVER][i] = outcomes[i].covers;
        }
        out->on_curve = curve_excess(out->of[EXCESS], curve, outcomes);
    }
    answers_release(&answers);
    free(outcomes);
    return result;
}

/* @p out->samples is set. */
static int read_volume(struct cli *cli, struct volume *out, const char *dir, const char *name,
                       const struct curve *curve)
{
    char path[4096];
    struct pool pool;
    int result = pool_begin(&pool, curve->base->count) ? 0 : cli_error(cli, EXIT_IO, "out of memory");
    for (int seed = 1; seed <= MOST_SEEDS && result == 0; seed++) {
        snprintf(path, sizeof path, "%s/volumes/s%d/n%d/answers/%s.jsonl", dir, seed, out->samples, name);
        if (access(path, F_OK) != 0)
            continue;
        result = read_seed(cli, &pool.seed, path, curve);
        if (result == 0)
            pool_add(&pool);
    }
    if (result == 0 && pool.count > 0) {
        out->seeds = pool.count;
        out->on_curve = pool.sum.on_curve;
        out->hal_rate = pool_mean(&pool, HAL_RATE);
        out->cover = pool_mean(&pool, COVER);
        out->excess = pool_mean(&pool, EXCESS);
    }
    free(pool.memory);
    return result;
}

static int by_number(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* How many samples the first seed's folders are of, the fewest first; -> how many folders, VOLUMES at most. */
static int find_volumes(int out[VOLUMES], const char *dir)
{
    char path[4096];
    int count = 0;
    snprintf(path, sizeof path, "%s/volumes/s1", dir);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (count < VOLUMES && sscanf(entry->d_name, "n%9d", &out[count]) == 1)
            count++;
    }
    if (folder != NULL)
        closedir(folder);
    qsort(out, (size_t)count, sizeof *out, by_number);
    return count;
}

int volumes_read(struct cli *cli, struct volume out[VOLUMES][VOLUME_SYSTEMS], const char *dir,
                 const char *const names[VOLUME_SYSTEMS], const struct curve *curve)
{
    int samples[VOLUMES];
    const int count = find_volumes(samples, dir);
    for (int v = 0; v < count; v++) {
        for (int i = 0; i < VOLUME_SYSTEMS; i++) {
            out[v][i] = (struct volume){.samples = samples[v]};
            const int result = read_volume(cli, &out[v][i], dir, names[i], curve);
            if (result != 0)
                return result;
        }
    }
    return 0;
}
