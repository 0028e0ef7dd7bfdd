/* SPDX-License-Identifier: Apache-2.0 */
/* Going through the samples that pass a filter, in its order. */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "view_out.h"

/* What a sample is sorted by. */
struct ranked {
    double rank; /* the least comes first */
    size_t place;
    char *id; /* a copy, to find it again */
    size_t id_size;
};

struct walk {
    struct filter *filter;
    struct source *source;
    view_fn fn;
    void *user;
    int64_t left; /* of the limit; -1: none */
    bool done;    /* the limit is reached */
    struct ranked *ranked;
    size_t count, capacity;
    opa_encoder *encoder;
};

/* The limit is reached: no exit code. */
enum { STOP = -1 };

static int pass_on(struct walk *w, struct view *v)
{
    if (w->left > 0)
        w->left--;
    const int result = w->fn(w->user, v);
    w->done = w->left == 0;
    return result ? result : w->done ? STOP : 0;
}

static int check_failed(const struct walk *w)
{
    return w->filter->failed ? cli_error(w->filter->cli, EXIT_IO, "--grep: out of memory") : 0;
}

static int show_passing(void *user, struct view *v)
{
    struct walk *w = user;
    const bool passes = filter_pass(w->filter, v);
    const int result = check_failed(w);
    return result ? result : passes ? pass_on(w, v) : 0;
}

/* ---- sorting ---- */

static int rank_of(struct walk *w, double *out, const struct view *v)
{
    struct hunk_tokens t = {0};
    *out = 0;
    if (w->filter->key == SORT_ID)
        return OPA_OK;
    if (w->filter->key == SORT_SCORE) {
        const int score = worst_score(&v->assessment.report);
        *out = score > 0 ? score : 5;
        return OPA_OK;
    }
    int status = hunk_tokens_make(&t, w->encoder, v);
    if (status == OPA_OK && w->filter->key == SORT_LENGTH && v->assessment.alignment.hunk_count == 0)
        status = opa_encoder_encode(w->encoder, &t.tokens[0], v->sample.generated, OPA_ENCODE_PLAIN);
    *out = w->filter->key == SORT_LENGTH ? -(double)t.tokens[0].count : -edit_share(&t);
    hunk_tokens_release(&t);
    return status;
}

static bool push(struct walk *w, double rank, opa_text id)
{
    if (w->count == w->capacity) {
        const size_t capacity = w->capacity ? w->capacity * 2 : 256;
        struct ranked *more = realloc(w->ranked, capacity * sizeof *more);
        if (more == NULL)
            return false;
        w->ranked = more;
        w->capacity = capacity;
    }
    char *copy = malloc(id.size + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, id.data, id.size);
    copy[id.size] = '\0';
    w->ranked[w->count] = (struct ranked){rank, w->count, copy, id.size};
    w->count++;
    return true;
}

static int rank_passing(void *user, struct view *v)
{
    struct walk *w = user;
    double rank;
    const bool passes = filter_pass(w->filter, v);
    int status = passes ? rank_of(w, &rank, v) : OPA_OK;
    if (status == OPA_OK && passes && !push(w, rank, v->sample.id))
        status = OPA_ENOMEM;
    return status == OPA_OK ? check_failed(w) : cli_fail(w->filter->cli, status, w->source->path);
}

static int by_id(const struct ranked *x, const struct ranked *y)
{
    return text_compare((opa_text){x->id, x->id_size}, (opa_text){y->id, y->id_size});
}

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank)
                              : (x->place > y->place) - (x->place < y->place);
}

static int by_id_and_place(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    const int order = by_id(x, y);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* One sample by its id, which may hold anything. */
static int view_one(struct walk *w, opa_text id, view_fn fn)
{
    opa_sample sample;
    struct view view;
    int result = source_find(w->source, &sample, id);
    if (result == 0)
        result = source_view(w->source, &view, &sample);
    if (result == 0) {
        result = fn(w, &view);
        view_release(&view);
    }
    return result;
}

static int show_any(void *user, struct view *v)
{
    return pass_on(user, v);
}

static int show_ranked(struct walk *w)
{
    int worst = 0;
    if (w->count > 1)
        qsort(w->ranked, w->count, sizeof *w->ranked, w->filter->key == SORT_ID ? by_id_and_place : by_rank);
    for (size_t i = 0; i < w->count && !w->done && out_alive(w->filter->cli); i++) {
        const int result = view_one(w, (opa_text){w->ranked[i].id, w->ranked[i].id_size}, show_any);
        worst = worst != 0 || result == STOP ? worst : result;
    }
    return worst;
}

/* ---- going through them ---- */

static int walk_ids(struct walk *w, char *const *ids, int count, view_fn fn)
{
    int worst = 0;
    for (int i = 0; i < count && !w->done && out_alive(w->filter->cli); i++) {
        const int result = view_one(w, text_of(ids[i]), fn);
        worst = worst != 0 || result == STOP ? worst : result;
    }
    return worst;
}

static bool skip(const void *user, const opa_sample *sample)
{
    return !filter_may_pass(user, sample);
}

static int walk_all(struct walk *w, const char *stage, view_fn fn)
{
    w->source->skip = skip;
    w->source->skip_user = w->filter;
    const int result = source_each(w->source, stage, fn, w);
    w->source->skip = NULL;
    return result == STOP ? (w->source->damaged > 0 ? EXIT_DATA : 0) : result;
}

/* The ids of --ids that the source does not have: the first few, and how many. */
static int check_ids(struct filter *f, struct source *s)
{
    enum { SHOWN = 5 };
    size_t unknown = 0;
    char names[512] = "";
    for (size_t i = 0, used = 0; i < f->id_count; i++) {
        const opa_text id = f->id_list[i];
        const int found = source_has(s, id);
        if (found < 0)
            return -found;
        if (found > 0)
            continue;
        if (unknown++ < SHOWN && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s'%.*s'", used ? ", " : "",
                                     (int)(id.size < 80 ? id.size : 80), id.data);
    }
    if (unknown == 0)
        return 0;
    return cli_error(f->cli, EXIT_NO_INPUT, "%s: %zu of its %zu ids %s not in %s: %s%s",
                     strcmp(f->ids, "-") == 0 ? "standard input" : f->ids, unknown, f->id_count,
                     unknown == 1 ? "is" : "are", s->path, names, unknown > SHOWN ? ", ..." : "");
}

static int start(struct walk *w)
{
    const int key = w->filter->key;
    int result = check_ids(w->filter, w->source);
    if (result != 0 || (key != SORT_SHARE && key != SORT_LENGTH))
        return result;
    if (w->source->tokenizer == NULL && (result = source_tokenizer(w->source, NULL)) != 0)
        return result;
    const int status = opa_encoder_new(w->filter->cli->ctx, &w->encoder, w->source->tokenizer);
    return status == OPA_OK ? 0 : cli_fail(w->filter->cli, status, NULL);
}

int filter_each(struct filter *f, struct source *s, char *const *ids, int id_count, const char *stage, view_fn fn,
                void *user)
{
    struct walk w = {.filter = f, .source = s, .fn = fn, .user = user, .left = f->limit, .done = f->limit == 0};
    const view_fn first = f->key == SORT_NONE ? show_passing : rank_passing;
    if (f->key != SORT_NONE && stage == NULL)
        stage = "sorting"; /* all samples are looked at before the first is shown */
    int result = start(&w);
    if (result == 0 && !w.done)
        result = id_count > 0 ? walk_ids(&w, ids, id_count, first) : walk_all(&w, stage, first);
    if (f->key != SORT_NONE && (result == 0 || result == EXIT_DATA || result == EXIT_NO_INPUT)) {
        const int shown = show_ranked(&w);
        result = result ? result : shown;
    }
    for (size_t i = 0; i < w.count; i++)
        free(w.ranked[i].id);
    free(w.ranked);
    opa_encoder_free(w.encoder);
    return result;
}
