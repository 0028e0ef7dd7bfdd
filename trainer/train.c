/* SPDX-License-Identifier: Apache-2.0 */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "micro_batch.h"
#include "model/clip_backward.h"
#include "model/llama_backward.h"
#include "ops/head.h"
#include "ops/norm.h"
#include "ops/rows.h"
#include "plan.h"

struct train {
    struct trainer *t;
    const struct model *model;
    struct params *params;
    struct train_plan plan;
    enum image_stage stage;
    struct micro_batch batch;
    float *logp; /* [targets] */
    /* its activations */
    struct scratch scratch;
    struct llama_tape llama;
    struct clip_tape clip;
    struct projector_tape projector;
    float *features, *projected; /* [images, image rows, vision hidden | text hidden] */
    float *selected, *normed, *slope,
        *rstd; /* [targets, hidden]: into the last norm, behind it, d logp / d normed; [targets] */
    float *dh; /* [tokens, hidden] */
};

enum image_stage train_stage(const struct params *params)
{
    return params->targets == TARGETS_ALL             ? IMAGE_PIXELS
           : params->targets == TARGETS_LLM_PROJECTOR ? IMAGE_FEATURES
                                                      : IMAGE_PROJECTED;
}

/* ---- sizes ---- */

/* Cut the pieces that are no tape's, or with NULL for @p s only sum them up. */
static void lay_out(struct train *r, struct scratch *s, size_t *n, struct train_size size)
{
    const size_t hidden = r->model->config.text.hidden;
    const size_t rows = r->stage == IMAGE_PROJECTED ? 0 : size.images * model_image_rows(r->model);
    r->features = scratch_piece(s, n, rows * r->model->config.vision.hidden);
    r->projected = scratch_piece(s, n, rows * hidden);
    r->selected = scratch_piece(s, n, size.targets * hidden);
    r->normed = scratch_piece(s, n, size.targets * hidden);
    r->slope = scratch_piece(s, n, size.targets * hidden);
    r->rstd = scratch_piece(s, n, size.targets);
    r->dh = scratch_piece(s, n, size.tokens * hidden);
}

static size_t count_floats(const ops_context *ops, const struct model *m, const struct params *p,
                           struct train_size size, size_t kept, size_t kept_vision)
{
    struct train none = {.model = m, .stage = train_stage(p)};
    size_t n = 0;
    lay_out(&none, NULL, &n, size);
    n += llama_tape_floats(ops, &m->llama, &p->adapter, size.tokens, size.targets, kept);
    if (none.stage != IMAGE_PROJECTED)
        n += projector_tape_floats(ops, &m->projector, &p->adapter, size.images * model_image_rows(m));
    if (none.stage == IMAGE_PIXELS)
        n += clip_tape_floats(ops, &m->clip, &p->adapter, size.images, kept_vision);
    return n;
}

/* ---- the plan ---- */

static bool fits(const ops_context *ops, struct train_plan *plan, const struct model *m, const struct params *p,
                 uint64_t others, uint64_t memory)
{
    plan->activations = sizeof(float) * (uint64_t)count_floats(ops, m, p, plan->most, plan->kept, plan->kept_vision);
    plan->total = plan->weights + plan->params + plan->activations + others;
    return memory == 0 || plan->total <= memory;
}

/* Raise *kept, which is the plan's, as far as the memory goes. */
static void keep_more(const ops_context *ops, size_t *kept, size_t layers, struct train_plan *plan,
                      const struct model *m, const struct params *p, uint64_t others, uint64_t memory)
{
    while (*kept < layers) {
        ++*kept;
        if (!fits(ops, plan, m, p, others, memory)) {
            --*kept;
            return;
        }
    }
}

int train_plan(struct trainer *t, struct train_plan *out, const struct model *m, const struct params *p,
               struct train_size most, uint64_t others, uint64_t memory)
{
    const bool vision = train_stage(p) == IMAGE_PIXELS;
    *out = (struct train_plan){.most = most, .layers = m->config.text.layers, .weights = model_bytes(m)};
    out->layers_vision = vision ? m->clip.depth : 0;
    out->params = sizeof(float) * ((uint64_t)p->total + p->count);
    out->kept = 1;
    out->kept_vision = vision;
    if (!fits(t->ops, out, m, p, others, memory))
        return plan_fail(t, OPA_EINVAL, "training, with every layer computed twice,", out->total, memory);
    keep_more(t->ops, &out->kept, out->layers, out, m, p, others, memory);
    keep_more(t->ops, &out->kept_vision, out->layers_vision, out, m, p, others, memory);
    fits(t->ops, out, m, p, others, memory);
    return OPA_OK;
}

/* ---- lifecycle ---- */

static int take_memory(struct train *r)
{
    const struct train_plan *plan = &r->plan;
    const size_t floats = count_floats(r->t->ops, r->model, r->params, plan->most, plan->kept, plan->kept_vision);
    r->logp = malloc((plan->most.targets + 1) * sizeof *r->logp);
    if (r->logp == NULL)
        return trainer_fail_memory(r->t);
    int status = micro_batch_init(r->t, &r->batch, r->model, plan->most);
    if (status == OPA_OK)
        status = scratch_begin(r->t, &r->scratch, floats);
    if (status == OPA_OK)
        status = llama_tape_init(r->t, &r->llama, plan->layers, plan->kept);
    if (status == OPA_OK && plan->layers_vision > 0)
        status = clip_tape_init(r->t, &r->clip, &r->model->clip, plan->most.images, plan->kept_vision);
    return status;
}

int train_open(struct trainer *t, struct train **out, const struct model *model, struct params *params,
               const struct train_plan *plan)
{
    struct train *r = *out = calloc(1, sizeof *r);
    if (r == NULL)
        return trainer_fail_memory(t);
    *r = (struct train){.t = t, .model = model, .params = params, .plan = *plan, .stage = train_stage(params)};
    const int status = take_memory(r);
    if (status != OPA_OK) {
        train_free(r);
        *out = NULL;
    }
    return status;
}

void train_free(struct train *r)
{
    if (r == NULL)
        return;
    micro_batch_release(&r->batch);
    free(r->logp);
    llama_tape_release(&r->llama);
    clip_tape_release(&r->clip);
    scratch_release(&r->scratch);
    free(r);
}

/* ---- forward ---- */

static int cut_memory(struct train *r)
{
    const struct model *m = r->model;
    const struct adapter *a = &r->params->adapter;
    size_t n = 0;
    int status = scratch_begin(r->t, &r->scratch,
                               count_floats(r->t->ops, m, r->params, r->batch.size, r->plan.kept, r->plan.kept_vision));
    if (status != OPA_OK)
        return status;
    const struct llama_last last = {r->batch.last, r->batch.last_count, r->batch.queries};
    llama_tape_begin(r->t->ops, &r->llama, &m->llama, a, &r->batch.tree, &last, &r->scratch);
    if (r->stage != IMAGE_PROJECTED)
        projector_tape_begin(r->t->ops, &r->projector, &m->projector, a, r->batch.size.images * model_image_rows(m),
                             &r->scratch);
    if (r->plan.layers_vision > 0)
        clip_tape_begin(r->t->ops, &r->clip, &m->clip, a, r->batch.size.images, &r->scratch);
    lay_out(r, &r->scratch, &n, r->batch.size);
    return OPA_OK;
}

/* Projected features of all images, where the projector is trained. */
static void see(struct train *r)
{
    const struct model *m = r->model;
    const size_t n = model_image_rows(m) * m->config.vision.hidden;
    if (r->stage == IMAGE_PROJECTED || r->batch.size.images == 0)
        return;
    if (r->stage == IMAGE_PIXELS)
        clip_tape_forward(r->t->ops, &m->clip, &r->params->adapter, &r->clip, r->features, r->batch.images);
    for (size_t i = 0; r->stage == IMAGE_FEATURES && i < r->batch.size.images; i++)
        memcpy(r->features + i * n, r->batch.images[i], n * sizeof *r->features);
    projector_tape_forward(r->t->ops, &m->projector, &r->params->adapter, &r->projector, r->projected, r->features);
}

static void embed(struct train *r)
{
    const size_t hidden = r->model->config.text.hidden, n = r->batch.tree.image_tokens * hidden;
    float *h = r->llama.h[0];
    llama_embed(r->t->ops, &r->model->llama, h, r->batch.tree.ids, r->batch.tree.tokens);
    for (size_t i = 0; i < r->batch.tree.image_count; i++) {
        const struct tree_image *image = &r->batch.tree.images[i];
        const float *from = r->stage == IMAGE_PROJECTED ? r->batch.images[image->slot] : r->projected + image->slot * n;
        memcpy(h + image->begin * hidden, from, n * sizeof *h);
    }
}

/* Log-probs of the targets, and their slopes by what the head takes. */
static void project(struct train *r)
{
    const struct llama *llama = &r->model->llama;
    const size_t hidden = llama->config.hidden, n = r->batch.size.targets;
    const float *h = r->llama.h[llama->config.layers];
    ops_gather_rows(r->t->ops, r->selected, h, r->batch.rows, n, hidden);
    ops_rmsnorm_forward(r->t->ops, r->normed, r->rstd, r->selected, llama->norm, n, hidden,
                        (float)llama->config.rms_eps);
    ops_head_logp_gradient(r->t->ops, r->logp, r->slope, ops_rows(r->normed, n, hidden), llama->head, r->batch.ids);
}

int train_forward(struct train *r, const struct train_sample *samples, size_t count)
{
    int status = micro_batch_build(r->t, &r->batch, r->model, samples, count);
    if (status == OPA_OK)
        status = cut_memory(r);
    if (status != OPA_OK || r->batch.size.targets == 0)
        return status;
    see(r);
    embed(r);
    llama_tape_forward(r->t->ops, &r->model->llama, &r->params->adapter, &r->llama);
    project(r);
    const float *logp = r->logp;
    for (size_t s = 0; s < count; s++) {
        for (size_t b = 0; b < samples[s].count; b++) {
            for (size_t i = 0; i < samples[s].branches[b].count; i++) {
                const struct train_response *response = &samples[s].branches[b].responses[i];
                for (size_t k = 0; k < response->count; k++)
                    response->logp[k] = *logp++;
            }
        }
    }
    return OPA_OK;
}

/* ---- backward ---- */

/* slope rows times the caller's slopes: the gradient of what the head takes. */
static void weigh_targets(const struct train *r, const struct train_sample *samples, size_t count)
{
    const size_t hidden = r->model->config.text.hidden;
    float *row = r->slope;
    for (size_t s = 0; s < count; s++) {
        for (size_t b = 0; b < samples[s].count; b++) {
            for (size_t i = 0; i < samples[s].branches[b].count; i++) {
                const struct train_response *response = &samples[s].branches[b].responses[i];
                for (size_t k = 0; k < response->count; k++, row += hidden) {
                    const float g = response->slope ? (float)response->slope[k] : 0;
                    for (size_t j = 0; j < hidden; j++)
                        row[j] *= g;
                }
            }
        }
    }
}

/* dh of the rows that the targets came from, through the last norm. Several targets may come from one. */
static void project_back(const struct train *r)
{
    const struct llama *llama = &r->model->llama;
    const size_t hidden = llama->config.hidden, n = r->batch.size.targets;
    float *dx = r->normed; /* not needed any more */
    memset(dx, 0, n * hidden * sizeof *dx);
    memset(r->dh, 0, r->batch.last_count * hidden * sizeof *dx);
    ops_rmsnorm_backward(r->t->ops, dx, r->slope, r->selected, llama->norm, r->rstd, n, hidden);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < hidden; j++)
            r->dh[r->batch.rows[i] * hidden + j] += dx[i * hidden + j];
    }
}

/* From the image rows of dh into projector and tower. */
static void see_back(struct train *r)
{
    const struct model *m = r->model;
    const struct adapter *a = &r->params->adapter;
    const size_t hidden = m->config.text.hidden, n = r->batch.tree.image_tokens * hidden;
    const bool tower = r->plan.layers_vision > 0;
    float *dprojected = r->projected, *dfeatures = r->features; /* the latter once the former is read */
    for (size_t i = 0; i < r->batch.tree.image_count; i++)
        memcpy(dprojected + r->batch.tree.images[i].slot * n, r->dh + r->batch.tree.images[i].begin * hidden,
               n * sizeof *dprojected);
    projector_tape_backward(r->t->ops, &m->projector, a, r->params->slope, &r->projector, tower ? dfeatures : NULL,
                            dprojected, r->features);
    if (tower)
        clip_tape_backward(r->t->ops, &m->clip, a, r->params->slope, &r->clip, dfeatures);
}

int train_backward(struct train *r, const struct train_sample *samples, size_t count)
{
    const bool below = r->stage != IMAGE_PROJECTED && r->batch.size.images > 0;
    if (r->batch.size.targets == 0)
        return OPA_OK;
    weigh_targets(r, samples, count);
    project_back(r);
    llama_tape_backward(r->t->ops, &r->model->llama, &r->params->adapter, r->params->slope, &r->llama, r->dh, below);
    if (below)
        see_back(r);
    return OPA_OK;
}

int train_first_bad_layer(const struct train *r)
{
    const size_t hidden = r->model->config.text.hidden, layers = r->model->config.text.layers;
    for (size_t i = 0; i <= layers; i++) {
        const size_t n = hidden * (i < layers ? r->batch.size.tokens : r->batch.last_count);
        for (size_t k = 0; k < n; k++) {
            if (!isfinite(r->llama.h[i][k]))
                return (int)i - 1;
        }
    }
    return (int)layers;
}
