/* SPDX-License-Identifier: Apache-2.0 */
#include "params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- targets ---- */

static const char *const target_names[] = {
    [TARGETS_LLM] = "llm", [TARGETS_LLM_PROJECTOR] = "llm+projector", [TARGETS_ALL] = "all"};

const char *targets_name(enum targets targets)
{
    return target_names[targets];
}

bool targets_parse(enum targets *out, const char *word)
{
    for (int i = TARGETS_LLM; i <= TARGETS_ALL; i++) {
        if (strcmp(word, target_names[i]) == 0) {
            *out = (enum targets)i;
            return true;
        }
    }
    return false;
}

bool targets_include(enum targets targets, enum part part)
{
    return part == PART_TEXT || (part == PART_PROJECTOR && targets >= TARGETS_LLM_PROJECTOR) ||
           (part == PART_VISION && targets == TARGETS_ALL);
}

/* ---- the arena ---- */

/* One making, passed to its steps. */
struct making {
    struct params *params;
    const struct model *model;
    const struct adapter *start;
};

static bool is_trained(const struct making *m, size_t id)
{
    const bool has = m->start == NULL || m->start->of[id].rank > 0;
    return has && targets_include(m->params->targets, m->model->loader.modules[id].part);
}

/* All A or all B of the trained layers, or of the idle ones. */
static void lay_out(const struct making *m, bool idle, bool is_b)
{
    struct params *p = m->params;
    for (size_t id = 0; id < m->model->loader.module_count; id++) {
        const struct loader_module *module = &m->model->loader.modules[id];
        if (!is_trained(m, id) || model_is_idle(m->model, id) != idle)
            continue;
        const size_t rows = is_b ? module->rows : p->rank, cols = is_b ? p->rank : module->cols;
        p->list[p->list_count++] = (struct param){id, is_b, p->total, rows, cols, idle};
        p->total += rows * cols;
    }
}

static int allocate(struct trainer *t, const struct making *m)
{
    struct params *p = m->params;
    const size_t layers = m->model->loader.module_count;
    p->list = calloc(2 * layers, sizeof *p->list);
    p->slope = calloc(layers, sizeof *p->slope);
    p->adapter.of = calloc(layers, sizeof *p->adapter.of);
    if (p->list == NULL || p->slope == NULL || p->adapter.of == NULL)
        return trainer_fail_memory(t);
    lay_out(m, false, false);
    lay_out(m, false, true);
    p->count = p->total;
    lay_out(m, true, false);
    lay_out(m, true, true);
    if (posix_memalign((void **)&p->value, 64, (p->total + 1) * sizeof *p->value) != 0)
        p->value = NULL;
    if (posix_memalign((void **)&p->gradient, 64, (p->count + 1) * sizeof *p->gradient) != 0)
        p->gradient = NULL;
    if (p->value == NULL || p->gradient == NULL)
        return trainer_fail(t, OPA_ENOMEM, "out of memory: %.2f GiB of adapter and gradients",
                            (double)(p->total + p->count) * sizeof(float) / (double)(1 << 30));
    memset(p->value, 0, p->total * sizeof *p->value);
    params_zero_gradient(p);
    return OPA_OK;
}

/* The adapter that the forward pass takes, and where gradients go. */
static void connect(const struct making *m)
{
    struct params *p = m->params;
    p->adapter.count = m->model->loader.module_count;
    p->adapter.max_rank = p->rank;
    for (size_t id = 0; m->start != NULL && id < p->adapter.count; id++)
        p->adapter.of[id] = m->start->of[id];
    for (size_t i = 0; i < p->list_count; i++) {
        const struct param *q = &p->list[i];
        struct lora *lora = &p->adapter.of[q->id];
        *(q->is_b ? &lora->b : &lora->a) = ops_rows(p->value + q->offset, q->rows, q->cols);
        lora->rank = p->rank;
        lora->scale = (float)(p->alpha / (double)p->rank);
        if (!q->idle)
            *(q->is_b ? &p->slope[q->id].b : &p->slope[q->id].a) = p->gradient + q->offset;
    }
}

static int make(struct trainer *t, const struct making *m)
{
    struct params *p = m->params;
    const bool vision = model_sees(m->model);
    if (p->targets != TARGETS_LLM && !vision)
        return trainer_fail(t, OPA_EINVAL, "targets '%s': the model has no vision tower", targets_name(p->targets));
    if (p->targets == TARGETS_ALL && m->model->clip.depth == 0)
        return trainer_fail(t, OPA_EINVAL, "targets 'all': no layer of the tower comes before the features");
    const int status = allocate(t, m);
    if (status == OPA_OK)
        connect(m);
    return status;
}

/* ---- values ---- */

/* splitmix64 (Steele, Lea, Flood, doi 10.1145/2714064.2660195). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* kaiming_uniform with a = sqrt(5), as PEFT: bound sqrt(6 / ((1 + 5) * in)). */
static void draw(float *a, const struct param *p, uint64_t *state)
{
    const float bound = 1 / sqrtf((float)p->cols);
    for (size_t i = 0; i < p->rows * p->cols; i++)
        a[i] = bound * ((float)(next(state) >> 40) * 0x1p-23f - 1);
}

int params_new(struct trainer *t, struct params *out, const struct model *model, enum targets targets, size_t rank,
               double alpha, uint64_t seed)
{
    *out = (struct params){.targets = targets, .rank = rank, .alpha = alpha};
    const int status = make(t, &(struct making){out, model, NULL});
    for (size_t i = 0; status == OPA_OK && i < out->list_count; i++) {
        if (!out->list[i].is_b)
            draw(out->value + out->list[i].offset, &out->list[i], &seed);
    }
    if (status != OPA_OK)
        params_release(out);
    return status;
}

static void copy_matrix(const ops_context *ops, float *to, const struct param *p, const struct lora *from)
{
    ops_expand(ops, to, p->is_b ? from->b : from->a, 0, p->rows);
}

/* Rank and scale are the same in all layers of a file. */
static const struct lora *first_layer(const struct adapter *adapter)
{
    size_t i = 0;
    while (i + 1 < adapter->count && adapter->of[i].rank == 0)
        i++;
    return &adapter->of[i];
}

int params_from(struct trainer *t, struct params *out, const struct model *model, enum targets targets,
                const struct adapter *start)
{
    const struct lora *lora = first_layer(start);
    *out = (struct params){.targets = targets, .rank = lora->rank, .start = start};
    out->alpha = (double)lora->scale * (double)lora->rank;
    int status = make(t, &(struct making){out, model, start});
    if (status == OPA_OK && out->count == 0)
        status = trainer_fail(t, OPA_EINVAL, "the adapter to start from has nothing of the targets '%s'",
                              targets_name(targets));
    for (size_t i = 0; status == OPA_OK && i < out->list_count; i++)
        copy_matrix(t->ops, out->value + out->list[i].offset, &out->list[i], &start->of[out->list[i].id]);
    if (status != OPA_OK)
        params_release(out);
    return status;
}

bool params_finite(const struct params *p)
{
    int bad = 0;
    for (size_t i = 0; i < p->count; i++)
        bad |= !isfinite(p->value[i]);
    return !bad;
}

void params_zero_gradient(struct params *p)
{
    memset(p->gradient, 0, p->count * sizeof *p->gradient);
}

void params_release(struct params *p)
{
    free(p->list);
    free(p->slope);
    free(p->adapter.of);
    free(p->value);
    free(p->gradient);
    *p = (struct params){0};
}
