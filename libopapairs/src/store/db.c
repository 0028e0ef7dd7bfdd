/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"
#include "base/utf8.h"

/* A write that fails for another reason than ENOSPC (a quota, a limit on the size of files) is SQLITE_IOERR_WRITE; why is
 * often forgotten by then. */
static bool is_full(int rc, int reason)
{
    return (rc & 0xFF) == SQLITE_FULL || reason == ENOSPC || reason == EDQUOT || reason == EFBIG ||
           rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_SHMSIZE || rc == SQLITE_IOERR_TRUNCATE;
}

bool opa_db_is_full(opa_db *db)
{
    return is_full(sqlite3_extended_errcode(db->handle), sqlite3_system_errno(db->handle));
}

static int fail_io(opa_db *db, int rc, const char *what)
{
    const int reason = db->handle ? sqlite3_system_errno(db->handle) : 0;
    if (rc == SQLITE_IOERR_NOMEM || reason == ENOMEM)
        return opa_fail_memory(db->ctx);
    if (is_full(rc, reason))
        return opa_fail(db->ctx, OPA_EIO,
                        "%s: %s: what was not finished was taken back, what was done before is there; make room and "
                        "do it again",
                        db->path,
                        (rc & 0xFF) == SQLITE_FULL ? "the disk is full"
                                                   : "writing failed (disk full, quota or ulimit -f)");
    return opa_fail(db->ctx, OPA_EIO, "%s: %s%s%s", db->path, what, reason ? ": " : "", reason ? strerror(reason) : "");
}

int opa_db_fail(opa_db *db, int rc)
{
    const char *what = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc);
    switch (rc & 0xFF) {
    case SQLITE_NOMEM:
        return opa_fail_memory(db->ctx);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return opa_fail(db->ctx, OPA_EBUSY, "%s: busy: another process holds the store", db->path);
    case SQLITE_READONLY:
        return opa_fail(db->ctx, OPA_EIO, "%s: the store cannot be written (read-only file or folder)", db->path);
    case SQLITE_CANTOPEN:
        return opa_fail(db->ctx, OPA_EIO, "%s: cannot open the store or a file beside it", db->path);
    case SQLITE_FULL:
    case SQLITE_IOERR:
        return fail_io(db, rc, what);
    case SQLITE_NOTADB:
        return opa_fail(db->ctx, OPA_EDATA, "%s: not a store", db->path);
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* our statements are right: the tables are not */
        return opa_fail(db->ctx, OPA_EDATA, "%s: the store is damaged (%s)", db->path, what);
    case SQLITE_TOOBIG:
        return opa_fail(db->ctx, OPA_ERECORD, "%s: a value is larger than the store can hold", db->path);
    default:
        return opa_fail(db->ctx, OPA_EIO, "%s: %s", db->path, what);
    }
}

int opa_db_exec(opa_db *db, const char *sql)
{
    const int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? OPA_OK : opa_db_fail(db, rc);
}

/* The path as a URI: SQLite takes "immutable" in no other way. */
static bool immutable_uri(opa_buffer *out, const char *path)
{
    opa_buffer_add_string(out, "file:");
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (*p == '/' || *p == '.' || *p == '_' || *p == '-' || (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
            (*p >= 'a' && *p <= 'z'))
            opa_buffer_add_char(out, (char)*p);
        else
            opa_buffer_printf(out, "%%%02X", *p);
    }
    opa_buffer_add_string(out, "?immutable=1");
    return !out->failed;
}

/* Is there a write-ahead log or a rollback journal with something in it? Then the file alone is not the store. */
static bool is_unfinished(const char *path)
{
    static const char *const endings[] = {"wal", "journal"};
    bool found = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && !found; i++) {
        opa_buffer name = {0};
        struct stat info;
        opa_buffer_printf(&name, "%s-%s", path, endings[i]);
        found = name.failed || (stat(name.data, &info) == 0 && info.st_size > 0);
        opa_buffer_release(&name);
    }
    return found;
}

static int connect(opa_db *db, bool immutable)
{
    opa_buffer uri = {0};
    if (immutable && !immutable_uri(&uri, db->path)) {
        opa_buffer_release(&uri);
        return SQLITE_NOMEM;
    }
    int rc = sqlite3_open_v2(immutable ? uri.data : db->path, &db->handle,
                             immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX
                                       : SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             NULL);
    opa_buffer_release(&uri);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, OPA_DB_WAIT_MS);
    /* The first read shows whether the file can be used at all, and recovers it after a kill. */
    rc = sqlite3_exec(db->handle, "PRAGMA schema_version", NULL, NULL, NULL);
    return rc;
}

static void disconnect(opa_db *db)
{
    sqlite3_close_v2(db->handle);
    db->handle = NULL;
}

int opa_db_open(opa_context *ctx, opa_db *out, const char *path)
{
    *out = (opa_db){.ctx = ctx, .path = strdup(path)};
    if (!out->path)
        return opa_fail_memory(ctx);
    int rc = connect(out, false);
    const int code = rc & 0xFF;
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
        /* A folder that cannot be written has no room for the shared index of the write-ahead log. Without a log there
         * is nothing that others could be writing, so the file is read as it is. */
        disconnect(out);
        out->read_only = true;
        if (is_unfinished(path)) {
            opa_db_close(out);
            return opa_fail(ctx, OPA_EIO,
                            "%s: the store was not closed and its folder cannot be written: copy it with its -wal "
                            "or -journal file to where it can",
                            path);
        }
        rc = connect(out, true);
    }
    int status = rc == SQLITE_OK ? OPA_OK : opa_db_fail(out, rc);
    if (status == OPA_OK && sqlite3_db_readonly(out->handle, "main") == 1)
        out->read_only = true;
    /* 16 MiB of cache: a batch spills into the log, memory does not grow with it. */
    if (status == OPA_OK)
        status = opa_db_exec(out, "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;");
    if (status != OPA_OK)
        opa_db_close(out);
    return status;
}

void opa_db_close(opa_db *db)
{
    for (size_t i = 0; i < db->cached; i++)
        sqlite3_finalize(db->cache[i].statement);
    disconnect(db);
    free(db->path);
    *db = (opa_db){0};
}

int opa_db_prepare(opa_db *db, sqlite3_stmt **out, const char *sql)
{
    *out = NULL;
    for (size_t i = 0; i < db->cached; i++) {
        if (db->cache[i].sql == sql) {
            *out = db->cache[i].statement;
            sqlite3_reset(*out);
            sqlite3_clear_bindings(*out);
            return OPA_OK;
        }
    }
    if (db->cached == OPA_DB_STATEMENTS)
        return opa_fail(db->ctx, OPA_EINVAL, "too many prepared statements");
    const int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    if (rc != SQLITE_OK)
        return opa_db_fail(db, rc);
    db->cache[db->cached].sql = sql;
    db->cache[db->cached++].statement = *out;
    return OPA_OK;
}

int opa_db_next(opa_db *db, sqlite3_stmt *statement)
{
    const int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        return OPA_OK;
    const int status = rc == SQLITE_DONE ? OPA_END : opa_db_fail(db, rc);
    sqlite3_reset(statement);
    return status;
}

int opa_db_run(opa_db *db, sqlite3_stmt *statement)
{
    int status;
    while ((status = opa_db_next(db, statement)) == OPA_OK)
        ;
    return status == OPA_END ? OPA_OK : status;
}

bool opa_db_has_log(opa_db *db)
{
    sqlite3_stmt *s;
    if (opa_db_prepare(db, &s, "PRAGMA journal_mode") != OPA_OK || opa_db_next(db, s) != OPA_OK)
        return false;
    const bool has = opa_text_equal(opa_db_text(s, 0), OPA_TEXT("wal"));
    sqlite3_reset(s);
    return has;
}

int opa_db_integer(opa_db *db, int64_t *out, const char *sql)
{
    sqlite3_stmt *s;
    *out = 0;
    int status = opa_db_prepare(db, &s, sql);
    if (status == OPA_OK && (status = opa_db_next(db, s)) == OPA_OK) {
        *out = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
    }
    return status == OPA_END ? OPA_OK : status;
}

void opa_db_rollback(opa_db *db)
{
    if (db->handle && !sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

void opa_db_bind_text(sqlite3_stmt *statement, int index, opa_text text)
{
    if (text.data)
        sqlite3_bind_text64(statement, index, text.data, text.size, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(statement, index);
}

void opa_db_bind_blob(sqlite3_stmt *statement, int index, opa_text bytes)
{
    if (bytes.data)
        sqlite3_bind_blob64(statement, index, bytes.data, bytes.size, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, index);
}

opa_text opa_db_blob(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return (opa_text){0};
    const char *data = (const char *)sqlite3_column_blob(statement, column);
    return data ? (opa_text){data, (size_t)sqlite3_column_bytes(statement, column)} : OPA_TEXT("");
}

opa_text opa_db_text(sqlite3_stmt *statement, int column)
{
    /* The tables are strict and the database is UTF-8, so these are the text's bytes as they are. sqlite3_column_text()
     * would copy them to put a NUL behind, and has no way to say that there was no memory for that. */
    return opa_db_blob(statement, column);
}
