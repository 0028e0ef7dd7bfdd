/* SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void update_begin(struct update *u, const struct loss_counts *counts)
{
    u->counts = *counts;
    u->report = (struct loss_report){0};
    params_zero_gradient(u->params);
}

/* ---- what is not finite ---- */

static int not_finite(const struct update *u, const struct example *e, int v)
{
    char where[80] = "";
    const int bad = train_first_bad_layer(u->train), layers = (int)u->model->llama.config.layers;
    if (bad < 0)
        snprintf(where, sizeof where, "; so is what goes into the first layer (its image, embeddings)");
    else if (bad < layers)
        snprintf(where, sizeof where, "; the first layer whose output is not is %d of %d, from 0", bad, layers);
    return trainer_fail(u->t, OPA_EDATA,
                        "sample %.120s: the log-probs of '%s'%s are not finite%s: a learning rate too high, or weights "
                        "that hold NaN or overflow",
                        e->sample.id, role_name((enum role)(v % ROLE_COUNT)), v < ROLE_COUNT ? "" : " (masked image)",
                        where);
}

static int check_finite(const struct update *u, struct example *const *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (int v = 0; v < EXAMPLE_VIEWS; v++) {
            const struct view *view = &examples[i]->views[v];
            double sum = 0;
            for (size_t k = 0; view->used && k < view->count; k++)
                sum += view->logp[k];
            if (!isfinite(sum))
                return not_finite(u, examples[i], v);
        }
    }
    return OPA_OK;
}

/* Slopes become float32 on their way back. */
static int check_slopes(const struct update *u, const struct example *e)
{
    for (int v = 0; v < EXAMPLE_VIEWS; v++) {
        const struct view *view = &e->views[v];
        for (size_t k = 0; view->used && k < view->count; k++) {
            if (!(fabs(view->slope[k]) <= FLT_MAX))
                return trainer_fail(u->t, OPA_EDATA,
                                    "sample %.120s: the slope of its loss at token %zu of '%s' is beyond float32: its "
                                    "weights in the pack, or the objective's coefficients, are too large",
                                    e->sample.id, k, role_name((enum role)(v % ROLE_COUNT)));
        }
    }
    return OPA_OK;
}

/* ---- micro-batches ---- */

static int forward(struct update *u, struct train_sample *trees, struct example *const *examples, size_t count)
{
    struct loss_counts counts = u->counts;
    int status = train_forward(u->train, trees, count);
    if (status == OPA_OK)
        status = check_finite(u, examples, count);
    if (status != OPA_OK)
        return status;
    if (u->loss->micro_batch_mean) {
        struct loss_counts own = {0};
        for (size_t i = 0; i < count; i++)
            loss_count(u->loss, &own, examples[i]);
        counts.targets = own.targets;
    }
    for (size_t i = 0; i < count && status == OPA_OK; i++) {
        loss_add(u->loss, &counts, examples[i], &u->report);
        status = check_slopes(u, examples[i]);
    }
    return status;
}

static int pass(struct update *u, struct example *const *examples, size_t count, bool back)
{
    struct train_sample *trees = calloc(count + 1, sizeof *trees);
    for (size_t i = 0; i < count && trees != NULL; i++)
        trees[i] = examples[i]->tree;
    int status = trees ? forward(u, trees, examples, count) : trainer_fail_memory(u->t);
    if (status == OPA_OK && back)
        status = train_backward(u->train, trees, count);
    free(trees);
    return status;
}

int update_add(struct update *u, struct example *const *examples, size_t count)
{
    return pass(u, examples, count, true);
}

int update_look(struct update *u, struct example *const *examples, size_t count)
{
    return pass(u, examples, count, false);
}

int update_end(struct update *u, double rate)
{
    u->norm = optimiser_norm(u->optimiser, u->params->gradient);
    if (!isfinite(u->norm) || !isfinite(u->report.terms.total))
        return trainer_fail(u->t, OPA_EDATA,
                            "the %s of this update is not finite: take a lower --lr, or check the packs' weights and "
                            "the objective's coefficients",
                            isfinite(u->norm) ? "loss" : "gradient");
    optimiser_step(u->optimiser, u->params->value, u->params->gradient, u->norm, rate);
    return params_finite(u->params)
               ? OPA_OK
               : trainer_fail(u->t, OPA_EDATA,
                              "this update, at the rate %g, makes weights that are not finite: take a lower --lr",
                              rate);
}
