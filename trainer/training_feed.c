/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "training.h"

/* ---- one sample ---- */

static int choose(struct training *tr, struct example *e)
{
    return tr->loss.objective ? example_choose_pairs(&tr->run.t, e, tr->loss.objective)
                              : example_choose_sft(&tr->run.t, e);
}

int feed_read(struct training *tr, const struct samples *s, struct example *e, size_t place)
{
    int status = example_read(&tr->eyes, &tr->run.prompter, e, &s->data, place, tr->context);
    if (status == OPA_OK)
        status = choose(tr, e);
    return status;
}

/* The reference's log-probs that no file holds: all of them while the file is made, masked ones under fresh masks. */
static int refer_elsewhere(struct training *tr, struct samples *s, struct example *e, uint64_t visit)
{
    struct example *o = &tr->other;
    int status = feed_read(tr, s, o, e->place);
    if (status == OPA_OK)
        example_draw_masks(o, dataset_pack_of(&s->data, e->place)->seed, visit);
    if (status == OPA_OK)
        status = example_see(&tr->referee, o, IMAGE_PROJECTED, NULL);
    if (status == OPA_OK)
        status = example_link(&tr->run.t, o);
    if (status == OPA_OK)
        status = example_refer(&tr->referee, o, false, true);
    for (int v = ROLE_COUNT; v < EXAMPLE_VIEWS && status == OPA_OK; v++) {
        for (size_t i = 0; e->views[v].used && i < e->views[v].count; i++)
            e->views[v].reference[i] = o->views[v].reference[i];
    }
    return status;
}

static int fill_reference(struct training *tr, struct samples *s, struct example *e, bool fresh, uint64_t visit)
{
    const int status = reference_fill(&tr->run.t, &s->reference, e, !fresh);
    if (status != OPA_OK || !fresh || e->mask_count == 0)
        return status;
    return tr->shared_eyes ? example_refer(&tr->referee, e, false, true) : refer_elsewhere(tr, s, e, visit);
}

int feed_example(struct training *tr, struct samples *s, struct example *e, size_t place, uint64_t visit)
{
    const bool fresh = tr->fresh && s == &tr->train; /* what is measured again and again has one mask */
    int status = feed_read(tr, s, e, place);
    if (status == OPA_OK && fresh)
        example_draw_masks(e, dataset_pack_of(&s->data, place)->seed, visit);
    if (status == OPA_OK)
        status = example_see(&tr->eyes, e, train_stage(&tr->params), &s->features);
    if (status == OPA_OK)
        status = example_link(&tr->run.t, e);
    if (status == OPA_OK && tr->reference)
        status = fill_reference(tr, s, e, fresh, visit);
    if (status != OPA_ERECORD)
        return status;
    char why[800];
    snprintf(why, sizeof why, "%.790s", tr->run.t.message);
    return trainer_fail(&tr->run.t, OPA_EDATA, "sample %.120s: %s", e->sample.id, why);
}

size_t feed_group(const struct training *tr, const struct samples *s, const uint32_t *order, size_t most)
{
    size_t tokens = 0, n = 0;
    while (n < most) {
        tokens += s->measured[order[n]].size.tokens;
        if (n > 0 && tokens > (size_t)tr->options.micro_tokens)
            break;
        n++;
    }
    return n;
}

/* A sample goes where its middle is on the line of all tokens. */
struct share feed_share(const struct samples *s, const uint32_t *order, size_t count, int rank, int ranks)
{
    struct share share = {0, 0};
    uint64_t total = 0, before = 0;
    for (size_t i = 0; i < count; i++)
        total += s->measured[order[i]].size.tokens;
    for (size_t i = 0; i < count; i++) {
        const uint64_t tokens = s->measured[order[i]].size.tokens;
        const int owner = (int)((2 * before + tokens) * (uint64_t)ranks / (2 * total));
        share.begin += owner < rank;
        share.end += owner <= rank;
        before += tokens;
    }
    return share;
}

/* ---- looking at all of them, before anything is trained ---- */

/* Ids of the model's vocabulary, at positions that it has? */
static int check_ids(struct training *tr, const struct example *e, const struct train_response *response)
{
    const struct llama_config *text = &tr->run.model->config.text;
    const size_t image = e->sample.image.data ? model_image_rows(tr->run.model) : 0;
    for (size_t i = 0; i < response->count; i++) {
        if ((size_t)response->ids[i] >= text->vocabulary)
            return trainer_fail(&tr->run.t, OPA_ERECORD, "token %d is beyond the model's vocabulary of %zu",
                                (int)response->ids[i], text->vocabulary);
    }
    if (e->prompt.count + image + response->count > text->max_positions)
        return trainer_fail(&tr->run.t, OPA_ERECORD,
                            "prompt and response take more than the model's %zu positions (max_position_embeddings)",
                            text->max_positions);
    return OPA_OK;
}

static void count_unused(const struct training *tr, struct samples *s, const struct packed *sample)
{
    for (size_t i = 0; i < sample->pair_count && tr->loss.objective != NULL; i++)
        s->unused[sample->pairs[i].type] += !tr->loss.objective->needs[sample->pairs[i].type];
}

/* The image is decoded once, too: better now than in the third hour. */
static int measure(struct training *tr, struct samples *s, struct example *e, size_t place, struct measured *out)
{
    int status = feed_read(tr, s, e, place);
    *out = (struct measured){0};
    if (status == OPA_OK && e->sample.image.data != NULL)
        status = vision_look(&tr->eyes, &e->vision, e->sample.image, NULL, 0);
    if (status == OPA_OK)
        status = example_link(&tr->run.t, e);
    if (status != OPA_OK)
        return status;
    out->size = train_size(tr->run.model, &e->tree);
    loss_count(&tr->loss, &out->counts, e);
    for (size_t v = 0; v < e->tree.count; v++) {
        for (size_t k = 0; k < e->branches[v].count && status == OPA_OK; k++)
            status = check_ids(tr, e, &e->branches[v].responses[k]);
    }
    if (status == OPA_OK)
        count_unused(tr, s, &e->sample);
    return status;
}

static int measure_all(struct training *tr, struct samples *s, bool *keep)
{
    struct example *e = &tr->other;
    size_t kept = 0;
    struct token_progress now = {.stage = "look", .total = (int64_t)s->data.count};
    for (size_t i = 0; i < s->data.count; i++) {
        const int status = measure(tr, s, e, i, &s->measured[kept]);
        keep[i] = status == OPA_OK;
        kept += keep[i];
        if (status == OPA_ERECORD) {
            cli_note(tr->run.cli, "%s: sample %s left out: %s", dataset_pack_of(&s->data, i)->path,
                     e->sample.id ? e->sample.id : "?", tr->run.t.message);
            tr->left_out++;
        } else if (status != OPA_OK) {
            return status;
        }
        now.done++;
        progress_tokens(&tr->progress, &now);
    }
    dataset_keep(&s->data, keep);
    return kept > 0 ? OPA_OK : trainer_fail(&tr->run.t, OPA_EDATA, "no sample is left to be trained on");
}

int feed_measure(struct training *tr, struct samples *s, char *const *paths, size_t count)
{
    int status = dataset_open(&tr->run.t, &s->data, paths, count, tr->run.model->tokenizer);
    if (status != OPA_OK)
        return status;
    s->measured = calloc(s->data.count + 1, sizeof *s->measured);
    bool *keep = calloc(s->data.count + 1, sizeof *keep);
    status = s->measured && keep ? measure_all(tr, s, keep) : trainer_fail_memory(&tr->run.t);
    free(keep);
    return status;
}

/* ---- the tower's features, once ---- */

/* Versions that keep their bits from visit to visit: under fresh masks only the clean one does. */
static size_t lasting_versions(const struct training *tr, const struct samples *s)
{
    return tr->fresh && s == &tr->train ? 1 : EXAMPLE_VERSIONS;
}

/* Something looks at an image more than once. */
static bool seen_again(const struct training *tr, const struct samples *s)
{
    const bool again = tr->options.epochs > 1 || tr->shared_eyes || s == &tr->eval;
    return again && train_stage(&tr->params) != IMAGE_PIXELS && tr->run.model->config.family == FAMILY_LLAVA;
}

/* Each rank has a file of its own, where it sees the run's folder at all; what it looks at is its share. */
static int open_features(struct training *tr, struct samples *s)
{
    struct settings depends = {0};
    char *path = NULL;
    int status = record_features(tr, s, &depends, &path);
    if (status == OPA_OK)
        status = vision_cache_open(&tr->run.t, &s->features, path, depends.data, s->data.count, lasting_versions(tr, s),
                                   example_image_floats(tr->run.model, IMAGE_FEATURES));
    settings_release(&depends);
    free(path);
    return status == OPA_ECREATE && !ranks_first(&tr->ranks) ? OPA_OK : status;
}

/* *made: there was something to make. */
static int see_one(struct training *tr, struct samples *s, size_t place, bool *made)
{
    struct example *e = &tr->other;
    int status = feed_read(tr, s, e, place);
    if (lasting_versions(tr, s) == 1)
        e->mask_count = 0;
    *made = false;
    for (size_t v = 0; status == OPA_OK && v < example_versions(e); v++)
        *made = *made || !vision_cache_has(&s->features, place, v);
    return status == OPA_OK && *made ? example_see(&tr->eyes, e, IMAGE_FEATURES, &s->features) : status;
}

int feed_features(struct training *tr, struct samples *s)
{
    struct token_progress now = {.stage = "vision", .total = (int64_t)s->data.count};
    int status = seen_again(tr, s) && s->data.count > 0 ? open_features(tr, s) : OPA_OK;
    if (tr->ranks.count > 1)
        return status; /* made as they are asked for: a rank needs those of its share only */
    progress_start(&tr->progress, tr->run.cli);
    for (size_t i = 0; i < s->data.count && !vision_cache_full(&s->features) && status == OPA_OK; i++, now.done++) {
        bool made;
        status = see_one(tr, s, i, &made);
        now.before += !made;
        progress_tokens(&tr->progress, &now);
    }
    progress_clear(tr->run.cli);
    if (status == OPA_OK && now.done < now.total && s->features.path != NULL)
        cli_note(
            tr->run.cli,
            "%s: the disk has no room for more than the vision features of %u images; those of the others are made "
            "at each visit",
            s->features.path, (unsigned)s->features.count);
    return status;
}
