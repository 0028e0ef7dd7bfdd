/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quarantine.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/utf8.h"

/* Of no known path where there is none: an origin that nothing but older versions shares. */
static opa_text origin_of(const opa_source *source)
{
    return source->has_origin ? (opa_text){(const char *)source->origin, OPA_SHA256_SIZE} : OPA_TEXT("");
}

int opa_quarantine_note(opa_writer *w, opa_source *source, int64_t record)
{
    sqlite3_stmt *s;
    const int status = opa_db_prepare(w->db, &s, "INSERT OR IGNORE INTO quarantine (record, origin) VALUES (?, ?)");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, record);
    opa_db_bind_blob(s, 2, origin_of(source));
    if (!opa_keys_add(&source->quarantined, record))
        return opa_fail_memory(w->store->ctx);
    return opa_db_run(w->db, s);
}

int opa_quarantine_release(opa_writer *w, int64_t raw)
{
    sqlite3_stmt *s;
    const int status =
        opa_db_prepare(w->db, &s, "DELETE FROM quarantine WHERE record IN (SELECT key FROM records WHERE raw = ?)");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, raw);
    return opa_db_run(w->db, s);
}

/* ---- when a file was read ---- */

static int by_key(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Places of this file, or of one of its name whose path is not known, that were in quarantine so far. */
static int collect(opa_writer *w, opa_keys *out, const opa_source *source)
{
    static const char sql[] = "SELECT q.record FROM quarantine q JOIN records k ON k.key = q.record"
                              " WHERE q.origin IN (?1, x'') AND k.file = ?2";
    sqlite3_stmt *s;
    const int status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    opa_db_bind_blob(s, 1, origin_of(source));
    sqlite3_bind_int64(s, 2, source->key);
    return opa_keys_collect(out, w->db, s);
}

static int close_place(opa_writer *w, const opa_source *source, int64_t record)
{
    sqlite3_stmt *s;
    const int status = opa_db_prepare(w->db, &s, "DELETE FROM quarantine WHERE record = ?1 AND origin IN (?2, x'')");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, record);
    opa_db_bind_blob(s, 2, origin_of(source));
    return opa_db_run(w->db, s);
}

static int close_places(opa_writer *w, const opa_source *source)
{
    const opa_keys *still = &source->quarantined;
    opa_keys before = {0};
    int status = collect(w, &before, source);
    if (still->count)
        qsort(still->items, still->count, sizeof *still->items, by_key);
    for (size_t i = 0; i < before.count && status == OPA_OK; i++)
        if (!still->count || !bsearch(&before.items[i], still->items, still->count, sizeof *still->items, by_key))
            status = close_place(w, source, before.items[i]);
    opa_keys_release(&before);
    return status;
}

/* ---- the file as a whole ---- */

static bool is_said(const opa_source *source, sqlite3_stmt *row)
{
    if (!opa_text_equal(opa_db_blob(row, 1), origin_of(source)))
        return false;
    for (size_t i = 0; i < source->findings.count; i++) {
        const opa_finding *f = &source->findings.items[i];
        const opa_text message = {f->message ? f->message : "", f->message ? strlen(f->message) : 0};
        if (f->code == sqlite3_column_int(row, 2) && f->line == sqlite3_column_int64(row, 3) &&
            opa_text_equal(message, opa_db_text(row, 4)))
            return true;
    }
    return false;
}

/* Rows of file_findings that this import of the file does not repeat. */
static int collect_findings(opa_writer *w, opa_keys *out, const opa_source *source)
{
    static const char sql[] =
        "SELECT rowid, origin, code, line, message FROM file_findings WHERE file = ?1 AND origin IN (?2, x'')";
    sqlite3_stmt *s;
    int status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, source->key);
    opa_db_bind_blob(s, 2, origin_of(source));
    while ((status = opa_db_next(w->db, s)) == OPA_OK) {
        if (!is_said(source, s) && !opa_keys_add(out, sqlite3_column_int64(s, 0))) {
            sqlite3_reset(s);
            return opa_fail_memory(w->store->ctx);
        }
    }
    return status == OPA_END ? OPA_OK : status;
}

static int close_findings(opa_writer *w, const opa_source *source)
{
    opa_keys rows = {0};
    sqlite3_stmt *s;
    int status = collect_findings(w, &rows, source);
    for (size_t i = 0; i < rows.count && status == OPA_OK; i++) {
        if ((status = opa_db_prepare(w->db, &s, "DELETE FROM file_findings WHERE rowid = ?")) != OPA_OK)
            break;
        sqlite3_bind_int64(s, 1, rows.items[i]);
        status = opa_db_run(w->db, s);
    }
    opa_keys_release(&rows);
    return status;
}

static int insert_finding(opa_writer *w, const opa_source *source, const opa_finding *f)
{
    sqlite3_stmt *s;
    const int status = opa_db_prepare(
        w->db, &s, "INSERT OR IGNORE INTO file_findings (file, origin, code, line, message) VALUES (?, ?, ?, ?, ?)");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, source->key);
    opa_db_bind_blob(s, 2, origin_of(source));
    sqlite3_bind_int(s, 3, f->code);
    sqlite3_bind_int64(s, 4, f->line);
    sqlite3_bind_text(s, 5, f->message ? f->message : "", -1, SQLITE_STATIC);
    return opa_db_run(w->db, s);
}

int opa_quarantine_settle(opa_writer *w, const opa_source *source)
{
    /* What cannot be read, or comes through a pipe, says nothing of what it does not show. */
    const bool whole = source->has_origin && source->status == OPA_OK && source->readable > 0;
    int status = whole ? close_places(w, source) : OPA_OK;
    if (status == OPA_OK && whole)
        status = close_findings(w, source);
    for (size_t i = 0; i < source->findings.count && status == OPA_OK; i++)
        status = insert_finding(w, source, &source->findings.items[i]);
    return status;
}
