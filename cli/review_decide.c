/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions of a review (review.h): each is in the store when its function returns true. */
#include <stdlib.h>

#include "review.h"

static bool say_changed(struct review *r, opa_text by)
{
    char name[sizeof r->decided_by];
    text_copy(name, sizeof name, by);
    review_say(r, true, "nothing done: it changed meanwhile%s%s", *name ? ", by " : "", name);
    return false;
}

bool review_unchanged(struct review *r)
{
    const int64_t shown = r->sequence;
    opa_sample sample;
    if (!review_read(r, &sample, r->at))
        return false;
    return sample.sequence == shown || say_changed(r, sample.reviewed_by);
}

/* The store, for a decision about the sample as it was shown: it refuses where another was faster, even by a moment. */
static opa_store *deciding(struct review *r)
{
    opa_store_expect(r->source->store, r->sequence);
    return r->source->store;
}

/* For undo. Without memory for it a decision is as good, only undo does not lead back there. */
static void remember(struct review *r, int64_t sequence)
{
    if (r->done_count == r->done_capacity) {
        const size_t capacity = r->done_capacity ? r->done_capacity * 2 : 64;
        struct review_done *more = realloc(r->done, capacity * sizeof *more);
        if (more == NULL)
            return;
        r->done = more;
        r->done_capacity = capacity;
    }
    r->done[r->done_count++] = (struct review_done){r->at, sequence};
}

/* What became of a decision. */
static bool settle(struct review *r, int status, const char *done)
{
    const opa_text id = review_id(r, r->at);
    opa_sample sample;
    if (status != OPA_OK && status != OPA_ECHANGED)
        return review_fail(r, status);
    if (!review_read(r, &sample, r->at))
        return false;
    if (status == OPA_ECHANGED)
        return say_changed(r, sample.reviewed_by);
    r->sequence = sample.sequence;
    if (!review_undecided(sample.review))
        remember(r, sample.sequence);
    review_say(r, false, "%s: %.*s", done, (int)id.size, id.data);
    return true;
}

bool review_accept(struct review *r)
{
    if (!review_unchanged(r))
        return false;
    const opa_review review = r->items[r->at].review;
    if (review == OPA_REVIEW_ACCEPTED || review == OPA_REVIEW_EXCLUDED) {
        review_say(r, true, review == OPA_REVIEW_ACCEPTED ? "accepted already" : "excluded: u takes that back");
        return false;
    }
    return settle(r, opa_store_accept(deciding(r), review_id(r, r->at), NULL, r->by), "accepted");
}

bool review_exclude(struct review *r, const char *why)
{
    if (!review_unchanged(r))
        return false;
    if (r->items[r->at].review == OPA_REVIEW_EXCLUDED) {
        review_say(r, true, "excluded already");
        return false;
    }
    return settle(r, opa_store_set_excluded(deciding(r), review_id(r, r->at), true, why, r->by), "excluded");
}

bool review_set_revised(struct review *r, opa_text revised)
{
    return settle(r, opa_store_set_revised(deciding(r), review_id(r, r->at), revised, NULL, r->by), "changed");
}

bool review_set_report(struct review *r, opa_text report)
{
    return settle(r, opa_store_set_report(deciding(r), review_id(r, r->at), report, NULL, r->by, NULL),
                  "report changed");
}

/* The kinds of the newest undo and of what it took back. */
struct taken_back {
    int64_t entry;
    opa_edit_what what;
};

static int see_undo(void *user, const opa_edit *edit)
{
    int64_t *undoes = user;
    if (edit->what == OPA_EDIT_UNDO)
        *undoes = edit->undoes;
    return 0;
}

static int see_entry(void *user, const opa_edit *edit)
{
    struct taken_back *t = user;
    if (edit->sequence == t->entry)
        t->what = edit->what;
    return 0;
}

/* What the undo just done took back, for the message. */
static const char *name_taken_back(struct review *r, opa_text id)
{
    struct taken_back t = {.what = OPA_EDIT_UNDO};
    if (opa_store_log(r->source->store, id, see_undo, &t.entry) != OPA_OK ||
        opa_store_log(r->source->store, id, see_entry, &t) != OPA_OK)
        return "newest edit";
    return opa_edit_what_name(t.what);
}

/* To the decision of this run that was made last and is not taken back. */
static bool go_back(struct review *r)
{
    opa_sample sample;
    while (r->done_count > 0) {
        const struct review_done done = r->done[--r->done_count];
        if (!review_read(r, &sample, done.place))
            return false;
        if (review_undecided(sample.review))
            continue;
        r->at = done.place;
        r->sequence = done.sequence;
        if (sample.sequence == done.sequence)
            return true;
        review_say(r, true, "nothing taken back: it changed after your decision");
        return false;
    }
    review_say(r, true, "nothing to take back here");
    return false;
}

bool review_undo(struct review *r)
{
    char done[64];
    if (review_undecided(r->items[r->at].review) ? !go_back(r) : !review_unchanged(r))
        return false;
    const opa_text id = review_id(r, r->at);
    const int status = opa_store_undo(deciding(r), id, r->by);
    snprintf(done, sizeof done, "taken back (%s)", status == OPA_OK ? name_taken_back(r, id) : "");
    return settle(r, status, done);
}
