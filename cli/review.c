/* SPDX-License-Identifier: Apache-2.0 */
#include "review.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Others may be at work in the same store: how old, in seconds, what is known of their decisions may be. */
#define REFRESH_AFTER 1.0

enum { NO_PLACE = -1 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool review_undecided(opa_review review)
{
    return review == OPA_REVIEW_NONE || review == OPA_REVIEW_SEEN;
}

int64_t review_left(const struct review *r)
{
    return r->counts[OPA_REVIEW_NONE] + r->counts[OPA_REVIEW_SEEN];
}

void review_say(struct review *r, bool failed, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->message, sizeof r->message, format, args);
    va_end(args);
    r->failed = failed;
}

/* What the library says of a failure. */
static bool say_failure(struct review *r, int status)
{
    const char *message = opa_context_message(r->cli->ctx);
    review_say(r, true, "%s", status == OPA_ENOMEM || *message == '\0' ? opa_status_name(status) : message);
    return false;
}

/* ---- the samples ---- */

static int add_item(void *user, struct view *view)
{
    struct review *r = user;
    if (r->count == r->capacity) {
        const size_t capacity = r->capacity ? r->capacity * 2 : 256;
        struct review_item *more = realloc(r->items, capacity * sizeof *more);
        if (more == NULL)
            return cli_error(r->cli, EXIT_IO, "out of memory");
        r->items = more;
        r->capacity = capacity;
    }
    const opa_text id = view->sample.id;
    char *copy = malloc(id.size + 1);
    if (copy == NULL)
        return cli_error(r->cli, EXIT_IO, "out of memory");
    memcpy(copy, id.data, id.size);
    copy[id.size] = '\0';
    r->items[r->count++] = (struct review_item){copy, id.size, view->sample.review};
    r->counts[view->sample.review]++;
    return 0;
}

static opa_text id_at(const struct review *r, size_t place)
{
    return (opa_text){r->items[place].id, r->items[place].id_size};
}

static void set_review(struct review *r, size_t place, opa_review review)
{
    r->counts[r->items[place].review]--;
    r->items[place].review = review;
    r->counts[review]++;
}

static int by_id(const void *a, const void *b)
{
    const opa_text x = ((const struct review_name *)a)->id, y = ((const struct review_name *)b)->id;
    const int order = memcmp(x.data, y.data, x.size < y.size ? x.size : y.size);
    return order ? order : (x.size > y.size) - (x.size < y.size);
}

static bool sort_names(struct review *r)
{
    r->names = calloc(r->count, sizeof *r->names);
    if (r->names == NULL)
        return false;
    for (size_t i = 0; i < r->count; i++)
        r->names[i] = (struct review_name){id_at(r, i), i};
    qsort(r->names, r->count, sizeof *r->names, by_id);
    return true;
}

/* The first of the names that is not less than @p id. */
static size_t lower_bound(const struct review *r, opa_text id)
{
    const struct review_name wanted = {.id = id};
    size_t low = 0, high = r->count;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (by_id(&r->names[mid], &wanted) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* ---- what the store knows of all of them ---- */

/* The newest decisions, by whom this review is and by anybody, and the places of their samples. */
struct newest {
    struct review *review;
    int64_t mine, anyones;
    ptrdiff_t at_mine, at_anyones;
};

static int take_reviewed(void *user, const opa_reviewed *reviewed)
{
    struct newest *n = user;
    struct review *r = n->review;
    for (size_t i = lower_bound(r, reviewed->id); i < r->count && text_equal(r->names[i].id, reviewed->id); i++) {
        const size_t place = r->names[i].place;
        set_review(r, place, reviewed->review);
        if (reviewed->sequence > n->anyones) {
            n->anyones = reviewed->sequence;
            n->at_anyones = (ptrdiff_t)place;
        }
        if (reviewed->sequence > n->mine && text_equal(reviewed->by, text_of(r->by))) {
            n->mine = reviewed->sequence;
            n->at_mine = (ptrdiff_t)place;
        }
    }
    return 0;
}

static int refresh(struct review *r, struct newest *out)
{
    *out = (struct newest){.review = r, .at_mine = NO_PLACE, .at_anyones = NO_PLACE};
    r->refreshed = seconds();
    return opa_store_reviews(r->source->store, take_reviewed, out);
}

/* What others decided meanwhile. A failure leaves what was known: each sample is read anew when it is reached. */
static void refresh_if_old(struct review *r)
{
    struct newest ignored;
    if (seconds() - r->refreshed > REFRESH_AFTER)
        refresh(r, &ignored);
}

static int find_beginning(struct review *r)
{
    struct newest newest;
    const int status = refresh(r, &newest);
    if (status != OPA_OK)
        return cli_fail(r->cli, status, r->source->path);
    const ptrdiff_t left_at = newest.at_mine != NO_PLACE ? newest.at_mine : newest.at_anyones;
    for (size_t k = 0; k < r->count; k++) {
        const size_t place = ((size_t)(left_at + 1) + k) % r->count;
        if (review_undecided(r->items[place].review)) {
            r->at = place;
            break;
        }
    }
    if (review_left(r) == 0)
        review_say(r, false, "all of them are decided");
    else if (left_at != NO_PLACE)
        review_say(r, false, "going on behind %s", r->items[left_at].id);
    return 0;
}

int review_open(struct review *out, struct source *source, struct filter *filter, char *const *ids, int id_count,
                const char *by)
{
    *out = (struct review){.cli = source->cli, .source = source, .by = by};
    int result = filter_each(filter, source, ids, id_count, NULL, add_item, out);
    if (result == 0 && out->count == 0)
        result = cli_error(out->cli, EXIT_NO_INPUT, "%s: no sample to review%s", source->path,
                           filter_selects(filter) ? ": none passes the filter" : "");
    if (result == 0 && !sort_names(out))
        result = cli_error(out->cli, EXIT_IO, "out of memory");
    if (result == 0)
        result = find_beginning(out);
    if (result != 0)
        review_close(out);
    return result;
}

void review_close(struct review *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->items[i].id);
    free(r->items);
    free(r->names);
    free(r->done);
    *r = (struct review){.cli = r->cli};
}

/* ---- looking at one ---- */

/* Read a sample; what its review is now is noted. */
static bool read_sample(struct review *r, opa_sample *out, size_t place)
{
    const int status = opa_store_sample(r->source->store, out, id_at(r, place));
    if (status != OPA_OK)
        return say_failure(r, status);
    set_review(r, place, out->review);
    return true;
}

bool review_look(struct review *r, view_fn fn, void *user)
{
    opa_sample sample;
    struct view view;
    char said[REVIEW_MESSAGE] = "";
    if (!read_sample(r, &sample, r->at))
        return false;
    r->sequence = sample.sequence;
    snprintf(r->decided_by, sizeof r->decided_by, "%.*s", (int)sample.reviewed_by.size,
             sample.reviewed_by.data ? sample.reviewed_by.data : "");
    r->cli->held = said;
    r->cli->held_size = sizeof said;
    int result = source_view(r->source, &view, &sample);
    if (result == 0) {
        result = fn(user, &view);
        view_release(&view);
    }
    r->cli->held = NULL;
    if (result != 0)
        review_say(r, true, "%s", said);
    return result == 0;
}

void review_mark_seen(struct review *r)
{
    if (r->items[r->at].review != OPA_REVIEW_NONE)
        return;
    const int status = opa_store_mark_seen(r->source->store, id_at(r, r->at), r->by);
    if (status == OPA_OK)
        set_review(r, r->at, OPA_REVIEW_SEEN);
    else if (status != OPA_EBUSY) /* somebody writes: the mark is not worth waiting */
        say_failure(r, status);
}

/* ---- moving ---- */

static size_t place_after(const struct review *r, size_t steps, int direction)
{
    steps %= r->count;
    return (r->at + (direction > 0 ? steps : r->count - steps)) % r->count;
}

/* Did going there lead around the end? */
static bool wrapped(const struct review *r, size_t place, int direction)
{
    return direction > 0 ? place <= r->at : place >= r->at;
}

bool review_step(struct review *r, int direction)
{
    if (direction > 0 ? r->at + 1 >= r->count : r->at == 0) {
        review_say(r, false, direction > 0 ? "this is the last one" : "this is the first one");
        return false;
    }
    refresh_if_old(r);
    r->at += direction > 0 ? 1 : (size_t)-1;
    return true;
}

bool review_step_undecided(struct review *r, int direction)
{
    refresh_if_old(r);
    for (size_t k = 1; k < r->count; k++) {
        const size_t place = place_after(r, k, direction);
        opa_sample sample;
        if (!review_undecided(r->items[place].review))
            continue;
        if (!read_sample(r, &sample, place))
            return false;
        if (!review_undecided(sample.review)) /* somebody else was faster */
            continue;
        if (wrapped(r, place, direction))
            review_say(r, false, direction > 0 ? "on from the first one" : "on from the last one");
        r->at = place;
        return true;
    }
    review_say(r, false,
               review_undecided(r->items[r->at].review) ? "this is the only undecided one" : "all of them are decided");
    return false;
}

/* The result of a walk in search of something. */
struct looking {
    bool (*fits)(const void *user, const struct view *view);
    const void *user;
    bool found;
};

static int look_at(void *user, struct view *view)
{
    struct looking *l = user;
    l->found = l->fits(l->user, view);
    return 0;
}

bool review_step_matching(struct review *r, bool (*fits)(const void *user, const struct view *view), const void *user)
{
    struct looking looking = {fits, user, false};
    const size_t from = r->at;
    for (size_t k = 1; k <= r->count; k++) {
        r->at = (from + k) % r->count;
        if (!review_look(r, look_at, &looking))
            return false;
        if (!looking.found)
            continue;
        if (r->at <= from)
            review_say(r, false, "on from the first one");
        return true;
    }
    r->at = from;
    return false;
}

/* ---- deciding ---- */

bool review_unchanged(struct review *r)
{
    const int64_t shown = r->sequence;
    opa_sample sample;
    if (!read_sample(r, &sample, r->at))
        return false;
    if (sample.sequence == shown)
        return true;
    const opa_text by = sample.reviewed_by;
    review_say(r, true, "nothing done: it changed meanwhile%s%.*s", by.data ? ", by " : "", (int)by.size,
               by.data ? by.data : "");
    return false;
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
    const opa_text id = id_at(r, r->at);
    opa_sample sample;
    if (status != OPA_OK)
        return say_failure(r, status);
    if (!read_sample(r, &sample, r->at))
        return false;
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
    return settle(r, opa_store_accept(r->source->store, id_at(r, r->at), NULL, r->by), "accepted");
}

bool review_exclude(struct review *r, const char *why)
{
    if (!review_unchanged(r))
        return false;
    if (r->items[r->at].review == OPA_REVIEW_EXCLUDED) {
        review_say(r, true, "excluded already");
        return false;
    }
    return settle(r, opa_store_set_excluded(r->source->store, id_at(r, r->at), true, why, r->by), "excluded");
}

bool review_set_revised(struct review *r, opa_text revised)
{
    return settle(r, opa_store_set_revised(r->source->store, id_at(r, r->at), revised, NULL, r->by), "changed");
}

bool review_set_report(struct review *r, opa_text report)
{
    return settle(r, opa_store_set_report(r->source->store, id_at(r, r->at), report, NULL, r->by, NULL),
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
        if (!read_sample(r, &sample, done.place))
            return false;
        if (review_undecided(sample.review))
            continue;
        r->at = done.place;
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
    const opa_text id = id_at(r, r->at);
    const int status = opa_store_undo(r->source->store, id, r->by);
    snprintf(done, sizeof done, "taken back (%s)", status == OPA_OK ? name_taken_back(r, id) : "");
    return settle(r, status, done);
}
