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
    char all[2 * REVIEW_MESSAGE];
    va_list args;
    va_start(args, format);
    vsnprintf(all, sizeof all, format, args);
    va_end(args);
    text_copy(r->message, sizeof r->message, text_of(all));
    r->failed = failed;
}

bool review_fail(struct review *r, int status)
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

opa_text review_id(const struct review *r, size_t place)
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
    return text_compare(x, y);
}

static bool sort_names(struct review *r)
{
    r->names = calloc(r->count, sizeof *r->names);
    if (r->names == NULL)
        return false;
    for (size_t i = 0; i < r->count; i++)
        r->names[i] = (struct review_name){review_id(r, i), i};
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

bool review_read(struct review *r, opa_sample *out, size_t place)
{
    const int status = opa_store_sample(r->source->store, out, review_id(r, place));
    if (status != OPA_OK)
        return review_fail(r, status);
    set_review(r, place, out->review);
    return true;
}

bool review_look(struct review *r, view_fn fn, void *user)
{
    opa_sample sample;
    struct view view;
    char said[REVIEW_MESSAGE] = "";
    if (!review_read(r, &sample, r->at))
        return false;
    r->sequence = sample.sequence;
    text_copy(r->decided_by, sizeof r->decided_by, sample.reviewed_by);
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
    const int status = opa_store_mark_seen(r->source->store, review_id(r, r->at), r->by);
    if (status == OPA_OK)
        set_review(r, r->at, OPA_REVIEW_SEEN);
    else if (status != OPA_EBUSY) /* somebody writes: the mark is not worth waiting */
        review_fail(r, status);
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
        if (!review_read(r, &sample, place))
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
