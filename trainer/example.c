/* SPDX-License-Identifier: Apache-2.0 */
#include "example.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* Put the weight of the first token before the others: BOS takes it (spec, "A pack"). */
static int copy_weights(struct trainer *t, struct example *e, enum role role, bool bos)
{
    const struct packed_response *response = &e->sample.responses[role];
    const size_t n = response->ids.count;
    for (int k = 0; k < PACKED_WEIGHTS; k++) {
        free(e->weights[role][k]);
        e->weights[role][k] = NULL;
        if (!response->there || response->weights[k] == NULL)
            continue;
        double *out = e->weights[role][k] = malloc((n + 1) * sizeof *out);
        if (out == NULL)
            return trainer_fail_memory(t);
        if (n > 0)
            memcpy(out + bos, response->weights[k], n * sizeof *out);
        if (bos)
            out[0] = n > 0 ? response->weights[k][0] : 1;
    }
    return OPA_OK;
}

static int copy_response(struct session *s, struct example *e, enum role role, enum context context)
{
    const struct packed_response *response = &e->sample.responses[role];
    const bool bos = context == CONTEXT_RELEASE && response->bos;
    const int status = packed_ids(s->t, &e->ids[role], response, context, opa_tokenizer_bos(s->model->tokenizer));
    return status == OPA_OK ? copy_weights(s->t, e, role, bos) : status;
}

int example_read(struct session *s, struct prompter *prompter, struct example *e, const struct dataset *dataset,
                 size_t i, enum context context)
{
    int status = dataset_read(s->t, dataset, &e->sample, i);
    const bool image = status == OPA_OK && e->sample.image.data != NULL;
    e->place = i;
    if (image && !model_sees(s->model))
        status = trainer_fail(s->t, OPA_ERECORD, "it has an image, the model takes text only");
    if (status == OPA_OK)
        status = prompter_encode(s->t, prompter, &e->prompt, e->sample.prompt, image, context);
    for (int r = 0; r < ROLE_COUNT && status == OPA_OK; r++)
        status = copy_response(s, e, (enum role)r, context);
    return status;
}

void example_release(struct example *e)
{
    packed_release(&e->sample);
    ids_release(&e->prompt);
    for (int r = 0; r < ROLE_COUNT; r++) {
        ids_release(&e->ids[r]);
        for (int k = 0; k < PACKED_WEIGHTS; k++)
            free(e->weights[r][k]);
    }
    for (int v = 0; v < EXAMPLE_VIEWS; v++)
        free(e->views[v].logp);
    vision_release(&e->vision);
    free(e->features);
    *e = (struct example){0};
}

/* ---- choosing ---- */

static void forget_views(struct example *e)
{
    for (int v = 0; v < EXAMPLE_VIEWS; v++)
        e->views[v].used = false;
    e->mask_count = 0;
}

int example_choose_sft(struct trainer *t, struct example *e)
{
    static const enum role roles[] = {ROLE_GROUND_TRUTH, ROLE_REVISED};
    bool any = false;
    forget_views(e);
    for (size_t i = 0; i < 2; i++) {
        const bool there = e->sample.responses[roles[i]].there && e->ids[roles[i]].count > 0;
        e->views[view_of(roles[i], false)].used = there;
        any = any || there;
    }
    return any ? OPA_OK : trainer_fail(t, OPA_ERECORD, "neither a ground truth nor a revised response");
}

/* Number the masks of the masked views: version 0 is the clean image. */
static void number_masks(struct example *e)
{
    e->mask_count = 0;
    for (int r = 0; r < ROLE_COUNT; r++) {
        if (!e->views[view_of((enum role)r, true)].used)
            continue;
        e->version[r] = 1 + mask_place(e->masks, &e->mask_count, &e->sample.responses[r].mask);
    }
}

static int check_types(struct trainer *t, const struct example *e, const struct objective *objective, const bool *have)
{
    for (int type = 0; type < PAIR_TYPES; type++) {
        if (objective->needs[type] && !have[type])
            return trainer_fail(t, OPA_EDATA,
                                "sample %.120s has no %s pair, which the objective %s needs: pack with another recipe, "
                                "or choose another --objective",
                                e->sample.id, pair_type_name((enum pair_type)type), objective->name);
    }
    return OPA_OK;
}

static int check_pair(struct trainer *t, const struct example *e, const struct objective *objective,
                      const struct packed_pair *pair)
{
    if (pair->type == PAIR_IMAGE && e->sample.image.data == NULL)
        return trainer_fail(t, OPA_ERECORD, "an image pair without an image");
    if (pair->type == PAIR_LANGUAGE && objective->weighted && pair->weights < 0)
        return trainer_fail(t, OPA_EDATA,
                            "sample %.120s: a language pair without weights, which the objective %s needs: pack with a "
                            "recipe that weighs tokens",
                            e->sample.id, objective->name);
    if (e->ids[pair->chosen].count == 0 || e->ids[pair->rejected].count == 0)
        return trainer_fail(t, OPA_ERECORD, "a pair with a response of no token");
    return OPA_OK;
}

int example_choose_pairs(struct trainer *t, struct example *e, const struct objective *objective)
{
    bool have[PAIR_TYPES] = {false};
    forget_views(e);
    for (size_t i = 0; i < e->sample.pair_count; i++) {
        const struct packed_pair *pair = &e->sample.pairs[i];
        have[pair->type] = true;
        if (!objective->needs[pair->type])
            continue;
        const int status = check_pair(t, e, objective, pair);
        if (status != OPA_OK)
            return status;
        e->views[view_of(pair->chosen, false)].used = true;
        e->views[view_of(pair->rejected, pair->type == PAIR_IMAGE)].used = true;
    }
    number_masks(e);
    return check_types(t, e, objective, have);
}

void example_draw_masks(struct example *e, uint64_t seed, uint64_t visit)
{
    const opa_text id = {e->sample.id, strlen(e->sample.id)};
    for (int r = 0; r < ROLE_COUNT; r++)
        e->sample.responses[r].mask.seed = opa_mask_seed(id, seed, visit);
    number_masks(e);
}

/* ---- images ---- */

size_t example_image_floats(const struct model *m, enum image_stage stage)
{
    switch (stage) {
    case IMAGE_PIXELS:
        return 3 * (size_t)m->image.size * m->image.size;
    case IMAGE_FEATURES:
        return model_image_rows(m) * m->config.vision.hidden;
    case IMAGE_PROJECTED:
        break;
    }
    return model_image_rows(m) * m->config.text.hidden;
}

size_t example_versions(const struct example *e)
{
    return e->sample.image.data != NULL ? 1 + e->mask_count : 0;
}

/* Any stage's: an example serves passes of different ones. */
static size_t most_floats(const struct model *m)
{
    const size_t tower = example_image_floats(m, IMAGE_FEATURES), projected = example_image_floats(m, IMAGE_PROJECTED);
    return tower > projected ? tower : projected;
}

uint64_t example_image_bytes(const struct model *m, enum image_stage stage)
{
    const size_t pixels = example_image_floats(m, IMAGE_PIXELS), tower = example_image_floats(m, IMAGE_FEATURES);
    const size_t projected = stage == IMAGE_PROJECTED ? example_image_floats(m, IMAGE_PROJECTED) : 0;
    return sizeof(float) * (pixels + (stage == IMAGE_PIXELS ? 0 : tower + projected));
}

static int look(struct session *s, struct example *e, bool *looked)
{
    const int status = *looked ? OPA_OK : vision_look(s, &e->vision, e->sample.image, e->masks, e->mask_count);
    *looked = status == OPA_OK;
    return status;
}

/* What the tower makes of a version. */
static int see_tower(struct session *s, struct example *e, struct vision_cache *kept, size_t v, float *out,
                     bool *looked)
{
    if (kept != NULL && vision_cache_read(kept, e->place, v, out))
        return OPA_OK;
    int status = look(s, e, looked);
    if (status == OPA_OK)
        status = clip_forward(s->t, &s->model->clip, s->adapter, out, vision_pixels(s, &e->vision, v), 1, &s->scratch);
    if (status == OPA_OK && kept != NULL)
        vision_cache_add(kept, e->place, v, out);
    return status;
}

static int see_version(struct session *s, struct example *e, enum image_stage stage, struct vision_cache *kept,
                       size_t v, bool *looked)
{
    const struct model *m = s->model;
    if (stage == IMAGE_PIXELS) {
        const int status = look(s, e, looked);
        e->images[v] = vision_pixels(s, &e->vision, v);
        return status;
    }
    float *out = e->features + v * most_floats(m);
    float *tower = stage == IMAGE_FEATURES ? out : e->features + EXAMPLE_VERSIONS * most_floats(m);
    const int status = see_tower(s, e, kept, v, tower, looked);
    e->images[v] = out;
    if (status != OPA_OK || stage == IMAGE_FEATURES)
        return status;
    return projector_forward(s->t, &m->projector, s->adapter, out, tower, model_image_rows(m), &s->scratch);
}

int example_see(struct session *s, struct example *e, enum image_stage stage, struct vision_cache *kept)
{
    const size_t versions = example_versions(e);
    bool looked = false;
    if (versions == 0)
        return OPA_OK;
    if (e->features == NULL && stage != IMAGE_PIXELS)
        e->features = malloc((EXAMPLE_VERSIONS + 1) * most_floats(s->model) * sizeof *e->features);
    if (e->features == NULL && stage != IMAGE_PIXELS)
        return trainer_fail_memory(s->t);
    int status = OPA_OK;
    for (size_t v = 0; v < versions && status == OPA_OK; v++)
        status = see_version(s, e, stage, kept, v, &looked);
    return status;
}

/* ---- the tree ---- */

static int reserve_view(struct trainer *t, struct view *view, size_t count)
{
    if (count > view->capacity) {
        free(view->logp);
        view->logp = malloc(3 * count * sizeof *view->logp);
        view->capacity = view->logp ? count : 0;
        if (view->logp == NULL)
            return trainer_fail_memory(t);
    }
    view->count = count;
    view->reference = view->logp + view->capacity;
    view->slope = view->reference + view->capacity;
    return OPA_OK;
}

int example_link(struct trainer *t, struct example *e)
{
    for (size_t v = 0; v <= e->mask_count; v++) {
        struct train_branch *branch = &e->branches[v];
        *branch = (struct train_branch){e->sample.image.data ? e->images[v] : NULL, e->responses[v], 0};
        for (int r = 0; r < ROLE_COUNT; r++) {
            struct view *view = &e->views[view_of((enum role)r, v > 0)];
            if (!view->used || (v > 0 && e->version[r] != v))
                continue;
            const int status = reserve_view(t, view, e->ids[r].count);
            if (status != OPA_OK)
                return status;
            e->responses[v][branch->count++] =
                (struct train_response){e->ids[r].data, view->count, view->logp, view->slope};
        }
    }
    e->tree = (struct train_sample){&e->prompt, e->branches, 1 + e->mask_count};
    return OPA_OK;
}

/* ---- the reference ---- */

/* One branch's responses, scored into float32. */
struct referring {
    struct scored scored[EXAMPLE_VERSIONS][ROLE_COUNT];
    struct branch branches[EXAMPLE_VERSIONS];
    struct view *views[EXAMPLE_VERSIONS][ROLE_COUNT];
    size_t count;
};

static bool add_scored(struct referring *out, struct example *e, enum role role, size_t version)
{
    struct view *view = &e->views[view_of(role, version > 0)];
    struct branch *branch = &out->branches[out->count];
    if (!view->used || (version > 0 && e->version[role] != version))
        return true;
    float *logp = malloc((view->count + 1) * sizeof *logp);
    out->views[out->count][branch->count] = view;
    out->scored[out->count][branch->count++] = (struct scored){e->ids[role].data, view->count, logp};
    return logp != NULL;
}

static void take_over(struct referring *r, bool good)
{
    for (size_t b = 0; b < r->count; b++) {
        for (size_t k = 0; k < r->branches[b].count; k++) {
            struct view *view = r->views[b][k];
            for (size_t i = 0; good && i < view->count; i++)
                view->reference[i] = (double)r->scored[b][k].logp[i];
            free(r->scored[b][k].logp);
        }
    }
}

int example_refer(struct session *s, struct example *e, bool clean, bool masked)
{
    struct referring r = {.count = 0};
    bool good = true;
    for (size_t v = clean ? 0 : 1; v <= (masked ? e->mask_count : 0); v++, r.count++) {
        r.branches[r.count] = (struct branch){e->sample.image.data ? e->images[v] : NULL, r.scored[r.count], 0,
                                              model_image_rows(s->model)};
        for (int role = 0; role < ROLE_COUNT; role++)
            good = add_scored(&r, e, (enum role)role, v) && good;
    }
    int status = good ? OPA_OK : trainer_fail_memory(s->t);
    if (status == OPA_OK && r.count > 0)
        status = session_score(s, &e->prompt, r.branches, r.count);
    take_over(&r, status == OPA_OK);
    return status;
}
