/* SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"

static const struct system known[SYSTEMS] = {
    {.name = "base", .label = "base", .what = "the model as it is", .step = true},
    {.name = "opa", .label = "OPA", .what = "fine-tuned on corrections and ground truth", .step = true},
    {.name = "opa-dpo", .label = "OPA-DPO", .what = "DPO from OPA: language, image and anchor pairs", .step = true},
    {.name = "dpo-language", .label = "DPO without OPA, language", .what = "DPO from the base, language pairs"},
    {.name = "opa-dpo-corrections",
     .label = "OPA-DPO, corrections only",
     .what = "DPO from OPA at a lower rate, edited samples, no pairs of the ground truth"},
    {.name = "dpo", .label = "DPO without OPA, all pairs", .what = "DPO from the base, all pairs"},
    {.name = "opa-dpo-language", .label = "OPA-DPO, language", .what = "DPO from OPA, language pairs"},
    {.name = "opa-dpo-release", .label = "OPA-DPO, released loss", .what = "DPO from OPA, position by position"},
};

/* "DIR/a/b"; @p out has room for 4096. */
static const char *path_in(char *out, const struct story *s, const char *folder, const char *name, const char *end)
{
    snprintf(out, 4096, "%s/%s/%s%s", s->dir, folder, name, end);
    return out;
}

static int read_system(struct story *s, struct system *system)
{
    char path[4096];
    if (access(path_in(path, s, "answers", system->name, ".jsonl"), F_OK) != 0 && system != &s->systems[BASE])
        return 0;
    const int result = answers_read(s->cli, &system->answers, path);
    answers_sort(&system->answers);
    system->measures = answers_measure(&system->answers);
    system->there = result == 0;
    return result;
}

static int read_premises(struct story *s, struct system *system)
{
    char path[4096];
    if (access(path_in(path, s, "premises", system->name, ".jsonl"), F_OK) != 0)
        return 0;
    return premises_read(s->cli, &system->premises, path);
}

/* ---- training logs ---- */

struct reading {
    struct story *s;
    struct updates *updates;
};

static int grow(struct story *s, struct updates *u)
{
    if (u->count < u->capacity)
        return 0;
    const size_t most = u->capacity ? 2 * u->capacity : 256;
    double *loss = realloc(u->loss, most * sizeof *loss);
    u->loss = loss ? loss : u->loss;
    double *margin = realloc(u->margin, most * sizeof *margin);
    u->margin = margin ? margin : u->margin;
    if (loss == NULL || margin == NULL)
        return cli_error(s->cli, EXIT_IO, "out of memory");
    u->capacity = most;
    return 0;
}

static int on_update(void *user, const opa_json *doc, int64_t line)
{
    struct reading *r = user;
    struct updates *u = r->updates;
    const struct cJSON *root = opa_json_root(doc);
    (void)line;
    const int result = grow(r->s, u);
    if (result != 0)
        return result;
    if (!opa_json_number(doc, opa_json_get(root, "loss"), &u->loss[u->count]))
        u->loss[u->count] = NAN;
    if (!opa_json_number(doc, opa_json_get(root, "margin"), &u->margin[u->count]))
        u->margin[u->count] = NAN;
    u->count++;
    return 0;
}

static int read_updates(struct story *s, int i)
{
    char path[4096], folder[64];
    struct reading reading = {s, &s->updates[i]};
    snprintf(folder, sizeof folder, "runs/%s", s->systems[i].name);
    if (access(path_in(path, s, folder, "log", ".jsonl"), F_OK) != 0)
        return 0;
    return each_line(s->cli, path, on_update, &reading);
}

/* ---- all ---- */

/* A system with the base's curve. */
static int compare(struct story *s, struct system *system)
{
    const size_t count = s->systems[BASE].answers.count;
    struct outcome *outcomes = calloc(count + 1, sizeof *outcomes);
    double *excess = calloc(count + 1, sizeof *excess);
    int result = 0;
    if (outcomes == NULL || excess == NULL)
        result = cli_error(s->cli, EXIT_IO, "out of memory");
    else if (!answers_outcomes(outcomes, &system->answers, &s->systems[BASE].answers))
        result =
            cli_error(s->cli, EXIT_DATA, "answers/%s.jsonl: some of the base's scenes have no answer", system->name);
    else if ((system->on_curve = curve_excess(excess, &s->curve, outcomes)))
        system->excess = estimate_of(excess, count);
    free(outcomes);
    free(excess);
    return result;
}

static int read_scores(struct story *s, const opa_tokenizer *tokenizer)
{
    char pack[4096], path[4096];
    snprintf(pack, sizeof pack, "%s/pack", s->dir);
    int result = curve_make(s->cli, &s->curve, &s->systems[BASE].answers, path_in(path, s, "scores", "test", ".jsonl"),
                            tokenizer);
    for (int i = 0; i < 2 && result == 0; i++)
        result =
            policy_measure(s->cli, &s->policy[i], pack, path_in(path, s, "scores", known[i].name, ".jsonl"), tokenizer);
    for (int i = 0; i < SYSTEMS && result == 0; i++) {
        if (s->systems[i].there)
            result = compare(s, &s->systems[i]);
    }
    return result;
}

static int read_volumes(struct story *s)
{
    const char *names[VOLUME_SYSTEMS];
    for (int i = 0; i < VOLUME_SYSTEMS; i++)
        names[i] = s->systems[OPA + i].name;
    return volumes_read(s->cli, s->volumes, s->dir, names, &s->curve);
}

bool story_has_volumes(const struct story *s)
{
    for (int i = 0; i < VOLUMES * VOLUME_SYSTEMS; i++) {
        if (s->volumes[i / VOLUME_SYSTEMS][i % VOLUME_SYSTEMS].seeds > 0)
            return true;
    }
    return false;
}

bool story_has_premises(const struct story *s)
{
    int64_t asked = 0;
    for (int i = 0; i < SYSTEMS; i++)
        asked += premises_asked(&s->systems[i].premises);
    return asked > 0;
}

int64_t story_neither(const struct story *s)
{
    int64_t neither = 0;
    for (int i = 0; i < SYSTEMS; i++)
        neither += s->systems[i].premises.neither;
    return neither;
}

int story_read(struct story *out, struct cli *cli, const char *dir, const char *tokenizer)
{
    opa_tokenizer *t = NULL;
    *out = (struct story){.cli = cli, .dir = dir};
    memcpy(out->systems, known, sizeof known);
    if (strlen(dir) > 3800)
        return cli_error(cli, EXIT_NO_INPUT, "%s: too long a name", dir);
    const int status = opa_tokenizer_open(cli->ctx, &t, tokenizer);
    int result = status == OPA_OK ? 0 : cli_fail(cli, status, NULL);
    for (int i = 0; i < SYSTEMS && result == 0; i++) {
        result = read_system(out, &out->systems[i]);
        if (result == 0)
            result = read_premises(out, &out->systems[i]);
        if (result == 0)
            result = read_updates(out, i);
    }
    if (result == 0)
        result = read_scores(out, t);
    if (result == 0)
        result = read_volumes(out);
    opa_tokenizer_free(t);
    return result;
}

void story_release(struct story *s)
{
    curve_release(&s->curve);
    for (int i = 0; i < SYSTEMS; i++) {
        answers_release(&s->systems[i].answers);
        free(s->updates[i].loss);
        free(s->updates[i].margin);
    }
}
