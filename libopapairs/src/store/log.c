/* SPDX-License-Identifier: Apache-2.0 */
/* The log, read. */
#include "base/context.h"
#include "store/edits.h"

#define EDIT_SELECT                                                                                                    \
    "SELECT e.sequence, s.id, e.what, e.by, e.at, e.why, e.undoes, e.revised, e.by_hand, e.report, e.excluded,"        \
    " e.sample, e.ground_truth FROM edits e JOIN samples s ON s.key = e.sample "

static opa_edit read_edit(sqlite3_stmt *row)
{
    return (opa_edit){
        .sequence = sqlite3_column_int64(row, 0),
        .id = opa_db_text(row, 1),
        .what = (opa_edit_what)sqlite3_column_int(row, 2),
        .by = opa_db_text(row, 3),
        .at = opa_db_text(row, 4),
        .why = opa_db_text(row, 5),
        .undoes = sqlite3_column_int64(row, 6),
        .revised = opa_db_text(row, 7),
        .by_hand = sqlite3_column_int(row, 8),
        .report = opa_db_text(row, 9),
        .excluded = sqlite3_column_int(row, 10),
        .ground_truth = opa_db_text(row, 12),
    };
}

/* The entry before the one that the row is of. */
static int read_before(opa_db *db, opa_edit *out, bool *found, sqlite3_stmt *row)
{
    static const char sql[] = EDIT_SELECT "WHERE e.sample = ? AND e.sequence < ? ORDER BY e.sequence DESC LIMIT 1";
    sqlite3_stmt *s;
    int status = opa_db_prepare(db, &s, sql);
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, sqlite3_column_int64(row, 11));
    sqlite3_bind_int64(s, 2, sqlite3_column_int64(row, 0));
    status = opa_db_next(db, s);
    *found = status == OPA_OK;
    if (*found)
        *out = read_edit(s);
    return status == OPA_END ? OPA_OK : status;
}

/* Of one sample, or of all (0). */
static int each_edit(opa_db *db, int64_t sample, opa_edit_fn fn, void *user)
{
    static const char all[] = EDIT_SELECT "ORDER BY e.sequence",
                      one[] = EDIT_SELECT "WHERE e.sample = ? ORDER BY e.sequence";
    sqlite3_stmt *s;
    int status = opa_db_prepare(db, &s, sample ? one : all);
    if (status != OPA_OK)
        return status;
    if (sample)
        sqlite3_bind_int64(s, 1, sample);
    while ((status = opa_db_next(db, s)) == OPA_OK) {
        opa_edit edit = read_edit(s), before;
        bool found;
        if ((status = read_before(db, &before, &found, s)) != OPA_OK)
            return status;
        edit.before = found ? &before : NULL;
        if (fn(user, &edit) != 0)
            return opa_fail(db->ctx, OPA_ECANCELLED, "stopped");
    }
    return status == OPA_END ? OPA_OK : status;
}

static int log_of(opa_db *db, opa_text id, opa_edit_fn fn, void *user)
{
    int64_t sample = 0;
    const int status = id.data ? opa_edits_find(db, &sample, id) : OPA_OK;
    return status == OPA_OK ? each_edit(db, sample, fn, user) : status;
}

int opa_store_log(opa_store *store, opa_text id, opa_edit_fn fn, void *user)
{
    opa_db db;
    /* What is rehearsed is seen by its own connection only. */
    if (store->rehearsing)
        return log_of(&store->db, id, fn, user);
    int status = opa_store_snapshot(store, &db);
    if (status != OPA_OK)
        return status;
    status = log_of(&db, id, fn, user);
    opa_db_close(&db);
    return status;
}
