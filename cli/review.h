/* SPDX-License-Identifier: Apache-2.0 */
/* A review: somebody goes through samples of a store in an order, and decides. What is decided is in the store before it
 * is said; nothing of it is kept here, so another reviewer, or a kill at any time, changes nothing of that. Knows of no
 * terminal. */
#ifndef OPAPAIRS_CLI_REVIEW_H
#define OPAPAIRS_CLI_REVIEW_H

#include "filter.h"

struct review_item {
    char *id;
    size_t id_size;
    opa_review review; /* when it was last looked up */
};

/* Where an id stands among the items. */
struct review_name {
    opa_text id;
    size_t place;
};

/* A decision, and the log's entry of it. */
struct review_done {
    size_t place;
    int64_t sequence;
};

enum { REVIEW_MESSAGE = 512 };

struct review {
    struct cli *cli;
    struct source *source;
    const char *by; /* NULL: unknown */
    struct review_item *items;
    size_t count, capacity;
    size_t at;                               /* the sample that is looked at */
    struct review_name *names;               /* of the items, sorted */
    int64_t counts[OPA_REVIEW_EXCLUDED + 1]; /* of the items */
    int64_t sequence;                        /* of the log, of the sample as it was shown */
    char decided_by[64];                     /* of that sample; "": nobody, or unknown */
    struct review_done *done;                /* the decisions of this run, oldest first: where undo leads back to */
    size_t done_count, done_capacity;
    double refreshed;             /* when the items' reviews were read, by the monotonic clock */
    char message[REVIEW_MESSAGE]; /* what there is to say; "": nothing */
    bool failed;                  /* it says that something did not work */
};

/* The samples that pass @p filter, in its order; @p ids as filter_each() has them. Begins where it was left: at the
 * first undecided sample behind the one that @p by decided last, or that anybody did where that is none; from the start
 * again where none is behind it. An exit code (the message is printed), or 0. */
int review_open(struct review *out, struct source *source, struct filter *filter, char *const *ids, int id_count,
                const char *by);
void review_close(struct review *r);

bool review_undecided(opa_review review);
/* How many of the items are undecided. */
int64_t review_left(const struct review *r);
void review_say(struct review *r, bool failed, const char *format, ...) OPA_PRINTF(3, 4);

opa_text review_id(const struct review *r, size_t place);
/* The message is what the library says of a failure. False. */
bool review_fail(struct review *r, int status);
/* Read a sample, without a view of it; its review is noted. False: it cannot be read, the message says why. */
bool review_read(struct review *r, opa_sample *out, size_t place);
/* Read the sample that is looked at anew from the store, and pass its view on. False: it cannot be read, the message
 * says why. */
bool review_look(struct review *r, view_fn fn, void *user);
/* Note in the store that it is seen. */
void review_mark_seen(struct review *r);

/* ---- moving: false where there is nowhere to go, and the message says so ---- */

bool review_step(struct review *r, int direction);
/* To the next (1) or previous (-1) undecided one, around the end where need be. */
bool review_step_undecided(struct review *r, int direction);
/* To the next sample, around the end, this one last, in which @p fits finds something. */
bool review_step_matching(struct review *r, bool (*fits)(const void *user, const struct view *view), const void *user);

/* ---- deciding (review_decide.c): true when the store has it. Refused where the sample is not what was shown any more ---- */

bool review_accept(struct review *r);
bool review_exclude(struct review *r, const char *why);
bool review_set_revised(struct review *r, opa_text revised);
bool review_set_report(struct review *r, opa_text report);
/* Of a decided sample: the newest decision; of an undecided one: go back to what was decided last here, and take that
 * back. */
bool review_undo(struct review *r);
/* The same sample as it was shown? Else the message says what happened to it. Asked first, so that what is said fits what is
 * there; a decision asks the store again, in the transaction that writes it. */
bool review_unchanged(struct review *r);

#endif
