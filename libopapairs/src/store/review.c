/* SPDX-License-Identifier: Apache-2.0 */
#include "store/review.h"

#include <string.h>

#include "base/context.h"
#include "store/naming.h"
#include "store/store.h"

const char *opa_review_name(opa_review review)
{
    switch (review) {
    case OPA_REVIEW_NONE:
        return "unseen";
    case OPA_REVIEW_SEEN:
        return "seen";
    case OPA_REVIEW_ACCEPTED:
        return "accepted";
    case OPA_REVIEW_CHANGED:
        return "changed";
    case OPA_REVIEW_EXCLUDED:
        return "excluded";
    }
    return "?";
}

static opa_review review_of(opa_edit_what decides, bool excluded, bool seen)
{
    if (excluded)
        return OPA_REVIEW_EXCLUDED;
    if (decides == OPA_EDIT_ACCEPT)
        return OPA_REVIEW_ACCEPTED;
    if (decides == OPA_EDIT_REVISED || decides == OPA_EDIT_REPORT)
        return OPA_REVIEW_CHANGED;
    return seen ? OPA_REVIEW_SEEN : OPA_REVIEW_NONE;
}

void opa_review_read(opa_reviewed *out, sqlite3_stmt *row, int first)
{
    /* Three columns each, of OPA_REVIEW_COLUMNS: a sequence, who and when. */
    enum { WHAT = 0, IS_EXCLUDED = 1, LOOKED = 2, DECIDED = 5, EXCLUDED = 8 };
    static const int from[] = {
        [OPA_REVIEW_SEEN] = LOOKED,
        [OPA_REVIEW_ACCEPTED] = DECIDED,
        [OPA_REVIEW_CHANGED] = DECIDED,
        [OPA_REVIEW_EXCLUDED] = EXCLUDED,
    };
    const opa_review review =
        review_of((opa_edit_what)sqlite3_column_int(row, first + WHAT), sqlite3_column_int(row, first + IS_EXCLUDED),
                  sqlite3_column_type(row, first + LOOKED) != SQLITE_NULL);
    *out = (opa_reviewed){.review = review};
    if (review == OPA_REVIEW_NONE)
        return;
    const int at = first + from[review];
    out->sequence = review == OPA_REVIEW_SEEN ? 0 : sqlite3_column_int64(row, at);
    out->by = opa_db_text(row, at + 1);
    out->at = opa_db_text(row, at + 2);
}

/* ---- the mark that somebody looked ---- */

/* The sample and the entry that a mark is needed for; *entry 0: none is. */
static int wants_mark(opa_store *store, int64_t *sample, int64_t *entry, opa_text id)
{
    static const char sql[] = "SELECT s.key, d.sequence, d.what, v.entry FROM samples s JOIN edits e ON e.sequence = "
                              "s.head" OPA_REVIEW_JOIN "WHERE s.id = ?";
    sqlite3_stmt *s;
    *sample = *entry = 0;
    const int status = opa_sample_row(&store->db, &s, sql, id);
    if (status != OPA_OK)
        return status;
    *sample = sqlite3_column_int64(s, 0);
    if (sqlite3_column_int(s, 2) == OPA_EDIT_IMPORT && sqlite3_column_type(s, 3) == SQLITE_NULL)
        *entry = sqlite3_column_int64(s, 1);
    sqlite3_reset(s);
    return OPA_OK;
}

static int insert_mark(opa_db *db, int64_t sample, int64_t entry, const char *by)
{
    char at[OPA_TIME_SIZE];
    sqlite3_stmt *s;
    const int status = opa_db_prepare(db, &s, "INSERT OR IGNORE INTO seen (sample, entry, by, at) VALUES (?, ?, ?, ?)");
    if (status != OPA_OK)
        return status;
    opa_time_now(at);
    sqlite3_bind_int64(s, 1, sample);
    sqlite3_bind_int64(s, 2, entry);
    sqlite3_bind_text(s, 3, by, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, at, -1, SQLITE_STATIC);
    return opa_db_run(db, s);
}

int opa_store_mark_seen(opa_store *store, opa_text id, const char *by)
{
    opa_lock lock;
    int64_t sample, entry;
    int status = wants_mark(store, &sample, &entry, id);
    if (status != OPA_OK || !entry)
        return status;
    if (store->db.read_only)
        return opa_db_fail(&store->db, SQLITE_READONLY);
    if ((status = opa_lock_take(store->ctx, &lock, store->db.path, "reviewing", 0)) != OPA_OK)
        return status;
    status = insert_mark(&store->db, sample, entry, by);
    opa_lock_release(&lock);
    return status;
}

/* ---- all samples ---- */

int opa_store_reviews(opa_store *store, opa_reviewed_fn fn, void *user)
{
    static const char sql[] =
        "SELECT s.id," OPA_REVIEW_COLUMNS "FROM samples s JOIN edits e ON e.sequence = s.head" OPA_REVIEW_JOIN;
    opa_db db;
    sqlite3_stmt *s;
    int status = opa_store_snapshot(store, &db);
    if (status != OPA_OK)
        return status;
    status = opa_db_prepare(&db, &s, sql);
    while (status == OPA_OK && (status = opa_db_next(&db, s)) == OPA_OK) {
        opa_reviewed reviewed;
        opa_review_read(&reviewed, s, 1);
        reviewed.id = opa_db_text(s, 0);
        if (fn(user, &reviewed) != 0)
            status = opa_fail(store->ctx, OPA_ECANCELLED, "stopped");
    }
    opa_db_close(&db);
    return status == OPA_END ? OPA_OK : status;
}

static int count(void *user, const opa_reviewed *reviewed)
{
    int64_t *counts = user;
    counts[reviewed->review]++;
    return 0;
}

int opa_store_review_counts(opa_store *store, int64_t out[OPA_REVIEW_EXCLUDED + 1])
{
    memset(out, 0, (OPA_REVIEW_EXCLUDED + 1) * sizeof *out);
    return opa_store_reviews(store, count, out);
}
