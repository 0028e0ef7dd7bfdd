/* SPDX-License-Identifier: Apache-2.0 */
/* The reference's log-probs of all samples: made once, shared by the ranks, and what they say of the data. */
#include <stdlib.h>
#include <string.h>

#include "on_policy.h"
#include "training.h"

/* ---- one sample ---- */

static int refer_one(struct training *tr, struct samples *s, size_t place, bool masked)
{
    struct example *e = &tr->other;
    int status = feed_read(tr, s, e, place);
    if (status == OPA_OK && !masked) {
        e->mask_count = 0;
        for (int v = ROLE_COUNT; v < EXAMPLE_VIEWS; v++)
            e->views[v].used = false;
    }
    if (status == OPA_OK)
        status = example_see(&tr->referee, e, IMAGE_PROJECTED, tr->shared_eyes ? &s->features : NULL);
    if (status == OPA_OK)
        status = example_link(&tr->run.t, e);
    return status == OPA_OK ? example_refer(&tr->referee, e, true, masked) : status;
}

/* What is kept of one sample is computed again: the version of the program is in the file's head, but not whether it was
 * built from the same sources. */
static int prove_reference(struct training *tr, struct samples *s, bool masked)
{
    size_t place = 0;
    while (place < s->data.count && !reference_has(&s->reference, place))
        place++;
    if (place == s->data.count)
        return OPA_OK;
    const int status = refer_one(tr, s, place, masked);
    return status == OPA_OK ? reference_prove(&tr->run.t, &s->reference, &tr->other, masked) : status;
}

/* ---- all of them, once ---- */

/* Samples of a rank between two exchanges: so much work a kill can lose. */
enum { TURN = 8 };

/* The work that is left: places whose records are not there, taken in turns by the ranks. */
struct referring {
    size_t *left, count;
    float *record; /* the largest */
    bool masked;
};

static int referring_init(struct training *tr, const struct samples *s, struct referring *w)
{
    size_t most = 0;
    for (size_t i = 0; i < s->data.count; i++)
        most = s->measured[i].counts.targets > most ? s->measured[i].counts.targets : most;
    *w = (struct referring){.left = malloc((s->data.count + 1) * sizeof *w->left),
                            .record = malloc((most + 1) * sizeof *w->record),
                            .masked = !(tr->fresh && s == &tr->train)};
    return w->left && w->record ? OPA_OK : trainer_fail_memory(&tr->run.t);
}

static void referring_release(struct referring *w)
{
    free(w->left);
    free(w->record);
}

/* The record of a sample from the rank that has it to all; nothing when it has none. */
static int share_record(struct training *tr, struct samples *s, const struct referring *w, size_t place, int from)
{
    uint32_t count;
    const float *data = reference_get(&s->reference, place, &count);
    bool there = data != NULL;
    ranks_broadcast(&tr->ranks, from, &there, sizeof there);
    if (!there)
        return OPA_OK;
    ranks_broadcast(&tr->ranks, from, &count, sizeof count);
    if (data != NULL)
        memcpy(w->record, data, count * sizeof *data);
    ranks_broadcast(&tr->ranks, from, w->record, count * sizeof *data);
    return data ? OPA_OK : reference_put(&tr->run.t, &s->reference, place, w->record, count);
}

/* What the first rank's file holds, to all; what it does not is to be done. */
static int share_file(struct training *tr, struct samples *s, struct referring *w)
{
    int status = OPA_OK;
    for (size_t i = 0; i < s->data.count; i++) {
        const int shared = tr->ranks.count > 1 ? share_record(tr, s, w, i, 0) : OPA_OK;
        status = status == OPA_OK ? shared : status;
        if (!reference_has(&s->reference, i))
            w->left[w->count++] = i;
    }
    return ranks_agree(&tr->ranks, &tr->run.t, status);
}

/* One turn of every rank, from left[begin], and its exchange. */
static int refer_turn(struct training *tr, struct samples *s, const struct referring *w, size_t begin,
                      struct token_progress *now)
{
    const struct ranks *r = &tr->ranks;
    const size_t all = (size_t)r->count * TURN, end = w->count - begin < all ? w->count : begin + all;
    const size_t own = begin + (size_t)r->rank * TURN;
    int status = OPA_OK;
    for (size_t i = own; i < own + TURN && i < end && status == OPA_OK; i++) {
        status = refer_one(tr, s, w->left[i], w->masked);
        if (status == OPA_OK)
            status = reference_add(&tr->run.t, &s->reference, &tr->other, w->masked);
        now->done += r->count; /* the others do about as much */
        now->tokens += r->count * (int64_t)tr->referee.tree.tokens;
        progress_tokens(&tr->progress, now);
    }
    status = ranks_agree(r, &tr->run.t, status);
    if (status != OPA_OK || r->count == 1)
        return status;
    for (size_t i = begin; i < end; i++) {
        const int shared = share_record(tr, s, w, w->left[i], (int)((i - begin) / TURN));
        status = status == OPA_OK ? shared : status;
    }
    return ranks_agree(r, &tr->run.t, status);
}

static int begin_reference(struct training *tr, struct samples *s, struct referring *w)
{
    struct settings depends = {0};
    char *path = NULL;
    int status = referring_init(tr, s, w);
    if (status == OPA_OK && ranks_first(&tr->ranks)) /* the others have no file */
        status = record_reference(tr, s, &depends, &path);
    if (status == OPA_OK)
        status = reference_open(&tr->run.t, &s->reference, path, depends.data, s->data.count);
    settings_release(&depends);
    free(path);
    if (status == OPA_OK)
        status = prove_reference(tr, s, w->masked);
    return ranks_agree(&tr->ranks, &tr->run.t, status);
}

int feed_reference(struct training *tr, struct samples *s)
{
    struct referring work = {0};
    int status = begin_reference(tr, s, &work);
    if (status == OPA_OK)
        status = share_file(tr, s, &work);
    struct token_progress now = {.stage = "reference", .total = (int64_t)s->data.count};
    now.done = now.before = now.total - (int64_t)work.count;
    progress_start(&tr->progress, tr->run.cli);
    for (size_t at = 0; at < work.count && status == OPA_OK; at += (size_t)tr->ranks.count * TURN) {
        now.done = now.before + (int64_t)at;
        status = refer_turn(tr, s, &work, at, &now);
    }
    progress_clear(tr->run.cli);
    referring_release(&work);
    if (!tr->fresh)
        session_release(&tr->referee);
    return status;
}

/* ---- on-policy? ---- */

static int add_to_report(struct training *tr, struct on_policy *report, size_t place)
{
    struct example *e = &tr->other;
    const double *logp[ROLE_COUNT] = {NULL};
    int status = feed_read(tr, &tr->train, e, place);
    if (status == OPA_OK)
        status = example_link(&tr->run.t, e);
    if (status == OPA_OK)
        status = reference_fill(&tr->run.t, &tr->train.reference, e, !tr->fresh);
    if (status != OPA_OK)
        return status;
    for (int r = 0; r < ROLE_COUNT; r++) {
        const struct view *view = &e->views[view_of((enum role)r, false)];
        const size_t bos = e->ids[r].count - e->sample.responses[r].ids.count;
        logp[r] = view->used ? view->reference + bos : NULL;
    }
    return on_policy_add(&tr->run.t, report, &e->sample, logp);
}

int feed_on_policy(struct training *tr)
{
    struct on_policy report = {.tokenizer = tr->run.model->tokenizer};
    int status = OPA_OK;
    for (size_t i = 0; i < tr->train.data.count && status == OPA_OK; i++)
        status = add_to_report(tr, &report, i);
    if (status == OPA_OK)
        on_policy_report(&tr->run.t, &report, "the reference");
    on_policy_release(&report);
    return status;
}
