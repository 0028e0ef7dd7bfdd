/* SPDX-License-Identifier: Apache-2.0 */
/** @file db.h
 *  One connection to the SQLite file: its settings, its prepared statements, and SQLite's codes as ours.
 */
#ifndef OPA_STORE_DB_H
#define OPA_STORE_DB_H

#include <sqlite3.h>

#include <opapairs/base.h>

#include "base/buffer.h"

#define OPA_DB_STATEMENTS 48

/** {0} is a closed one. */
typedef struct opa_db {
    opa_context *ctx;
    sqlite3 *handle;
    char *path;
    bool read_only; /**< the file or its folder cannot be written: every change is refused */
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } cache[OPA_DB_STATEMENTS];
    size_t cached;
} opa_db;

/** How long a statement waits for somebody else's lock, in milliseconds, unless set otherwise. */
#define OPA_DB_WAIT_MS 10000

/** Open an existing file (which may be empty). */
int opa_db_open(opa_context *ctx, opa_db *out, const char *path);
void opa_db_close(opa_db *db);
/** Turn a result code of SQLite into one of ours, with its message. */
int opa_db_fail(opa_db *db, int rc);
/** Is a full disk, or a limit on the size of files, why the last statement failed? */
bool opa_db_is_full(opa_db *db);
/** Run statements that give no rows. */
int opa_db_exec(opa_db *db, const char *sql);
/** The prepared statement of @p sql (a string with static storage: it is known by its address), reset and without
 * parameters. */
int opa_db_prepare(opa_db *db, sqlite3_stmt **out, const char *sql);
/** One step: OPA_OK for a row, OPA_END. After OPA_END or a failure the statement is reset. */
int opa_db_next(opa_db *db, sqlite3_stmt *statement);
/** Run to its end; rows are not looked at. */
int opa_db_run(opa_db *db, sqlite3_stmt *statement);
/** Does the file have a write-ahead log now? Any connection may change that. */
bool opa_db_has_log(opa_db *db);
/** The integer that a statement without parameters gives. */
int opa_db_integer(opa_db *db, int64_t *out, const char *sql);
/** Take back the open transaction, if there is one. */
void opa_db_rollback(opa_db *db);

/** Parameters; borrowed until the statement is prepared again. data NULL is NULL. */
void opa_db_bind_text(sqlite3_stmt *statement, int index, opa_text text);
void opa_db_bind_blob(sqlite3_stmt *statement, int index, opa_text bytes);
/** Columns, borrowed until the next step: NULL has data NULL, an empty one has not. They take no memory and cannot
 * fail; nothing stands behind their bytes. */
opa_text opa_db_text(sqlite3_stmt *statement, int column);
opa_text opa_db_blob(sqlite3_stmt *statement, int column);

#endif
