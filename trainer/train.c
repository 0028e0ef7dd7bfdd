/* SPDX-License-Identifier: Apache-2.0 */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/clip_backward.h"
#include "model/llama_backward.h"
#include "ops/head.h"
#include "ops/norm.h"

struct train {
    struct trainer *t;
    const struct model *model;
    struct params *params;
    struct train_plan plan;
    enum image_stage stage;
    /* the batch */
    struct tree tree;
    struct train_size size;
    size_t *rows;         /* [targets] that predict them */
    int32_t *ids;         /* [targets] */
    float *logp;          /* [targets] */
    const float **images; /* [images] the caller's, by slot */
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

static size_t image_place(const struct ids *prompt)
{
    size_t i = 0;
    while (i < prompt->count && prompt->data[i] != TREE_IMAGE)
        i++;
    return i;
}

struct train_size train_size(const struct model *model, const struct train_sample *sample)
{
    const size_t count = sample->prompt->count, shared = image_place(sample->prompt);
    const bool image = shared < count;
    struct train_size size = {.tokens = shared, .images = image ? sample->count : 0};
    if (image)
        size.tokens += sample->count * (count - shared - 1 + model_image_rows(model));
    for (size_t b = 0; b < sample->count; b++) {
        for (size_t i = 0; i < sample->branches[b].count; i++) {
            const size_t n = sample->branches[b].responses[i].count;
            size.tokens += n > 0 ? n - 1 : 0;
            size.targets += n;
        }
    }
    return size;
}

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

static size_t count_floats(const struct model *m, const struct params *p, struct train_size size, size_t kept,
                           size_t kept_vision)
{
    struct train none = {.model = m, .stage = train_stage(p)};
    size_t n = 0;
    lay_out(&none, NULL, &n, size);
    n += llama_tape_floats(&m->llama, &p->adapter, size.tokens, kept);
    if (none.stage != IMAGE_PROJECTED)
        n += projector_tape_floats(&m->projector, &p->adapter, size.images * model_image_rows(m));
    if (none.stage == IMAGE_PIXELS && m->clip.depth > 0)
        n += clip_tape_floats(&m->clip, &p->adapter, size.images, kept_vision);
    return n;
}

/* ---- the plan ---- */

static uint64_t activation_bytes(const struct model *m, const struct params *p, const struct train_plan *plan)
{
    const uint64_t rope = (uint64_t)plan->most.tokens * m->config.text.head_dim;
    return sizeof(float) * (rope + count_floats(m, p, plan->most, plan->kept, plan->kept_vision));
}

static bool fits(struct train_plan *plan, const struct model *m, const struct params *p, uint64_t others,
                 uint64_t memory)
{
    plan->activations = activation_bytes(m, p, plan);
    plan->total = plan->weights + plan->params + plan->activations + others;
    return memory == 0 || plan->total <= memory;
}

int train_plan(struct trainer *t, struct train_plan *out, const struct model *m, const struct params *p,
               struct train_size most, uint64_t others, uint64_t memory)
{
    const bool vision = train_stage(p) == IMAGE_PIXELS && m->clip.depth > 0;
    *out = (struct train_plan){.most = most, .layers = m->config.text.layers, .weights = model_bytes(m)};
    out->layers_vision = vision ? m->clip.depth : 0;
    out->params = sizeof(float) * ((uint64_t)p->total + p->count);
    out->kept = 1;
    out->kept_vision = vision;
    if (!fits(out, m, p, others, memory))
        return trainer_fail(t, OPA_ENOMEM,
                            "training needs %.2f GiB at least, with every layer computed twice, and %.2f GiB are "
                            "allowed: give more --memory, fewer tokens a micro-batch or a smaller rank",
                            (double)out->total / (double)(1 << 30), (double)memory / (double)(1 << 30));
    while (out->kept < out->layers && (out->kept++, fits(out, m, p, others, memory)))
        ;
    out->kept -= !fits(out, m, p, others, memory);
    while (out->kept_vision < out->layers_vision && (out->kept_vision++, fits(out, m, p, others, memory)))
        ;
    out->kept_vision -= !fits(out, m, p, others, memory);
    fits(out, m, p, others, memory);
    return OPA_OK;
}

/* ---- lifecycle ---- */

static int take_memory(struct train *r)
{
    const struct train_plan *plan = &r->plan;
    const size_t floats = count_floats(r->model, r->params, plan->most, plan->kept, plan->kept_vision);
    r->rows = malloc((plan->most.targets + 1) * sizeof *r->rows);
    r->ids = malloc((plan->most.targets + 1) * sizeof *r->ids);
    r->logp = malloc((plan->most.targets + 1) * sizeof *r->logp);
    r->images = malloc((plan->most.images + 1) * sizeof *r->images);
    if (r->rows == NULL || r->ids == NULL || r->logp == NULL || r->images == NULL)
        return trainer_fail_memory(r->t);
    int status = scratch_begin(r->t, &r->scratch, floats);
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
    r->tree.image_tokens = model_image_rows(model);
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
    tree_release(&r->tree);
    free(r->rows);
    free(r->ids);
    free(r->logp);
    free(r->images);
    llama_tape_release(&r->llama);
    clip_tape_release(&r->clip);
    scratch_release(&r->scratch);
    free(r);
}

/* ---- the batch ---- */

static int check_ids(const struct train *r, const int32_t *ids, size_t count, size_t sample)
{
    const size_t vocabulary = r->model->config.text.vocabulary;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] != TREE_IMAGE && (ids[i] < 0 || (size_t)ids[i] >= vocabulary))
            return trainer_fail(r->t, OPA_ERECORD, "sample %zu: token %d is beyond the model's vocabulary of %zu",
                                sample, (int)ids[i], vocabulary);
    }
    return OPA_OK;
}

/* The response below @p parent; its tokens but the last predict, and what stands before it. */
static int add_response(struct train *r, int32_t parent, const struct train_response *response, size_t sample)
{
    int32_t node;
    int status = check_ids(r, response->ids, response->count, sample);
    if (status != OPA_OK || response->count == 0)
        return status;
    status = tree_add(r->t, &r->tree, &node, parent, response->ids, response->count - 1, 0);
    for (size_t i = 0; status == OPA_OK && i < response->count; i++, r->size.targets++) {
        r->ids[r->size.targets] = response->ids[i];
        r->rows[r->size.targets] = i == 0 ? tree_before(&r->tree, node) : r->tree.nodes[node].begin + i - 1;
    }
    return status;
}

static int add_sample(struct train *r, const struct train_sample *s, size_t index)
{
    const size_t shared = image_place(s->prompt);
    int32_t root;
    int status = check_ids(r, s->prompt->data, s->prompt->count, index);
    if (status == OPA_OK)
        status = tree_add(r->t, &r->tree, &root, -1, s->prompt->data, shared, 0);
    for (size_t b = 0; b < s->count && status == OPA_OK; b++) {
        int32_t node = root;
        if (shared < s->prompt->count) {
            r->images[r->size.images] = s->branches[b].image;
            status = tree_add(r->t, &r->tree, &node, root, s->prompt->data + shared, s->prompt->count - shared,
                              r->size.images++);
        }
        for (size_t i = 0; i < s->branches[b].count && status == OPA_OK; i++)
            status = add_response(r, node, &s->branches[b].responses[i], index);
    }
    return status;
}

static int check_size(const struct train *r, const struct train_sample *samples, size_t count)
{
    struct train_size sum = {0};
    for (size_t i = 0; i < count; i++) {
        const struct train_size one = train_size(r->model, &samples[i]);
        sum.tokens += one.tokens;
        sum.targets += one.targets;
        sum.images += one.images;
    }
    if (sum.tokens <= r->plan.most.tokens && sum.targets <= r->plan.most.targets && sum.images <= r->plan.most.images)
        return OPA_OK;
    return trainer_fail(r->t, OPA_EINVAL,
                        "a micro-batch of %zu tokens, %zu of them scored, and %zu images is larger than planned for "
                        "(%zu, %zu, %zu)",
                        sum.tokens, sum.targets, sum.images, r->plan.most.tokens, r->plan.most.targets,
                        r->plan.most.images);
}

static int build(struct train *r, const struct train_sample *samples, size_t count)
{
    int status = check_size(r, samples, count);
    const size_t most = r->model->config.text.max_positions;
    tree_clear(&r->tree);
    r->size = (struct train_size){0};
    for (size_t i = 0; i < count && status == OPA_OK; i++) {
        const size_t begin = r->tree.tokens;
        status = add_sample(r, &samples[i], i);
        for (size_t k = begin; k < r->tree.tokens && status == OPA_OK; k++) {
            if ((size_t)r->tree.positions[k] >= most)
                status = trainer_fail(r->t, OPA_ERECORD,
                                      "sample %zu: prompt and response take more than the model's %zu positions "
                                      "(max_position_embeddings)",
                                      i, most);
        }
    }
    r->size.tokens = r->tree.tokens;
    return status;
}

/* ---- forward ---- */

static int cut_memory(struct train *r)
{
    const struct model *m = r->model;
    const struct adapter *a = &r->params->adapter;
    size_t n = 0;
    int status =
        scratch_begin(r->t, &r->scratch, count_floats(m, r->params, r->size, r->plan.kept, r->plan.kept_vision));
    if (status == OPA_OK)
        status = llama_tape_begin(r->t, &r->llama, &m->llama, a, &r->tree, &r->scratch);
    if (status != OPA_OK)
        return status;
    if (r->stage != IMAGE_PROJECTED)
        projector_tape_begin(&r->projector, &m->projector, a, r->size.images * model_image_rows(m), &r->scratch);
    if (r->plan.layers_vision > 0)
        clip_tape_begin(&r->clip, &m->clip, a, r->size.images, &r->scratch);
    lay_out(r, &r->scratch, &n, r->size);
    return OPA_OK;
}

/* Projected features of all images, where the projector is trained. */
static void see(struct train *r)
{
    const struct model *m = r->model;
    const size_t n = model_image_rows(m) * m->config.vision.hidden;
    if (r->stage == IMAGE_PROJECTED || r->size.images == 0)
        return;
    if (r->stage == IMAGE_PIXELS)
        clip_tape_forward(r->t->ops, &m->clip, &r->params->adapter, &r->clip, r->features, r->images);
    for (size_t i = 0; r->stage == IMAGE_FEATURES && i < r->size.images; i++)
        memcpy(r->features + i * n, r->images[i], n * sizeof *r->features);
    projector_tape_forward(r->t->ops, &m->projector, &r->params->adapter, &r->projector, r->projected, r->features);
}

static void embed(struct train *r)
{
    const size_t hidden = r->model->config.text.hidden, n = r->tree.image_tokens * hidden;
    float *h = r->llama.h[0];
    llama_embed(r->t->ops, &r->model->llama, h, r->tree.ids, r->tree.tokens);
    for (size_t i = 0; i < r->tree.image_count; i++) {
        const struct tree_image *image = &r->tree.images[i];
        const float *from = r->stage == IMAGE_PROJECTED ? r->images[image->slot] : r->projected + image->slot * n;
        memcpy(h + image->begin * hidden, from, n * sizeof *h);
    }
}

/* Log-probs of the targets, and their slopes by what the head takes. */
static void project(struct train *r)
{
    const struct llama *llama = &r->model->llama;
    const size_t hidden = llama->config.hidden, n = r->size.targets;
    const float *h = r->llama.h[llama->config.layers];
    for (size_t i = 0; i < n; i++)
        memcpy(r->selected + i * hidden, h + r->rows[i] * hidden, hidden * sizeof *h);
    ops_rmsnorm_forward(r->t->ops, r->normed, r->rstd, r->selected, llama->norm, n, hidden,
                        (float)llama->config.rms_eps);
    ops_head_logp_gradient(r->t->ops, r->logp, r->slope, ops_rows(r->normed, n, hidden), llama->head, r->ids);
}

int train_forward(struct train *r, const struct train_sample *samples, size_t count)
{
    int status = build(r, samples, count);
    if (status == OPA_OK)
        status = cut_memory(r);
    if (status != OPA_OK || r->size.targets == 0)
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

/* dh: through the last norm, and to the rows that the targets came from. Several targets may come from one. */
static void project_back(const struct train *r)
{
    const struct llama *llama = &r->model->llama;
    const size_t hidden = llama->config.hidden, n = r->size.targets;
    float *dx = r->normed; /* not needed any more */
    memset(dx, 0, n * hidden * sizeof *dx);
    memset(r->dh, 0, r->size.tokens * hidden * sizeof *dx);
    ops_rmsnorm_backward(r->t->ops, dx, r->slope, r->selected, llama->norm, r->rstd, n, hidden);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < hidden; j++)
            r->dh[r->rows[i] * hidden + j] += dx[i * hidden + j];
    }
}

/* From the image rows of dh into projector and tower. */
static void see_back(struct train *r)
{
    const struct model *m = r->model;
    const struct adapter *a = &r->params->adapter;
    const size_t hidden = m->config.text.hidden, n = r->tree.image_tokens * hidden;
    const bool tower = r->plan.layers_vision > 0;
    float *dprojected = r->projected, *dfeatures = r->features; /* the latter once the former is read */
    for (size_t i = 0; i < r->tree.image_count; i++)
        memcpy(dprojected + r->tree.images[i].slot * n, r->dh + r->tree.images[i].begin * hidden,
               n * sizeof *dprojected);
    projector_tape_backward(r->t->ops, &m->projector, a, r->params->slope, &r->projector, tower ? dfeatures : NULL,
                            dprojected, r->features);
    if (tower)
        clip_tape_backward(r->t->ops, &m->clip, a, r->params->slope, &r->clip, dfeatures);
}

int train_backward(struct train *r, const struct train_sample *samples, size_t count)
{
    const bool below = r->stage != IMAGE_PROJECTED && r->size.images > 0;
    if (r->size.targets == 0)
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
    const size_t n = r->size.tokens * r->model->config.text.hidden, layers = r->model->config.text.layers;
    for (size_t i = 0; i <= layers; i++) {
        for (size_t k = 0; k < n; k++) {
            if (!isfinite(r->llama.h[i][k]))
                return (int)i - 1;
        }
    }
    return (int)layers;
}
