/* SPDX-License-Identifier: Apache-2.0 */
#include "store/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/findings.h"
#include "store/schema.h"

/* SQLite stops its check after so many messages: one bad page can make thousands. */
#define PAGE_MESSAGES "100"
/* Keys are given out one after the other, and hardly a row is ever removed: where so many are missing there are no
 * more. A bad page hides what hangs below it, which can be many rows. */
#define MISSING_MAX 1024
#define UNREADABLE_MAX 65536
/* SQLite's own check calls back after so many of its steps, some milliseconds. */
#define STEPS_PER_TICK 200000

/* ---- telling the caller ---- */

int opa_verify_note(opa_verification *v, const opa_defect *defect, const char *format, ...)
{
    char message[1024], file[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    v->report->findings++;
    if (!v->fn)
        return OPA_OK;
    snprintf(file, sizeof file, "%.*s", (int)(defect->file.size < 500 ? defect->file.size : 500),
             defect->file.data ? defect->file.data : "");
    opa_findings list = {0};
    int status = opa_findings_add(&list, defect->code, defect->line, defect->field, "%s", message);
    if (status == OPA_OK)
        status = opa_findings_locate(&list, 0, defect->file.data ? file : NULL, defect->file.data ? defect->record : -1,
                                     defect->id);
    if (status != OPA_OK)
        status = opa_fail_memory(v->ctx);
    else if (v->fn(v->user, &list.items[0]) != 0)
        status = opa_fail(v->ctx, OPA_ECANCELLED, "stopped");
    opa_findings_release(&list);
    return status;
}

int opa_verify_pass(opa_verification *v, int status, const char *what)
{
    if (status != OPA_EDATA)
        return status;
    char reason[256];
    snprintf(reason, sizeof reason, "%s", sqlite3_errmsg(v->db.handle));
    return opa_verify_note(v, &(opa_defect){.code = OPA_F_STORE_PAGES}, "%s cannot be read: %s", what, reason);
}

static int tell_progress(const opa_verification *v)
{
    const opa_progress now = {"doctor", v->done, v->total, v->report->bytes, -1};
    return v->options->progress ? v->options->progress(v->options->user, &now) : 0;
}

int opa_verify_walk(opa_verification *v, const char *sql, const char *what, opa_verify_row_fn fn)
{
    int64_t missing = 0, unreadable = 0;
    int status = OPA_OK;
    for (int64_t key = 1; status == OPA_OK && missing < MISSING_MAX && unreadable < UNREADABLE_MAX; key++) {
        sqlite3_stmt *s;
        char from[64];
        if ((status = opa_db_prepare(&v->db, &s, sql)) != OPA_OK)
            return opa_verify_pass(v, status, what);
        sqlite3_bind_int64(s, 1, key);
        status = opa_db_next(&v->db, s);
        if (status == OPA_OK) {
            missing = unreadable = 0;
            status = fn(v, key, s);
            sqlite3_reset(s);
            if (status == OPA_OK && ++v->done % 16 == 0 && tell_progress(v) != 0)
                status = opa_fail(v->ctx, OPA_ECANCELLED, "stopped");
        } else if (status == OPA_END) {
            missing++;
            status = OPA_OK;
        } else {
            /* One finding for a run of rows on one bad page. */
            snprintf(from, sizeof from, "%s from row %lld on", what, (long long)key);
            status = unreadable++ && status == OPA_EDATA ? OPA_OK : opa_verify_pass(v, status, from);
        }
    }
    return status;
}

/* ---- SQLite's own checks ---- */

static int on_tick(void *user)
{
    return tell_progress(user);
}

static int note_message(opa_verification *v, sqlite3_stmt *s)
{
    const opa_text text = opa_db_text(s, 0);
    const char *line = text.data ? text.data : "";
    int status = OPA_OK;
    /* A row can hold several lines; the first may only be the name of the database. */
    for (size_t at = 0; at < text.size && status == OPA_OK;) {
        const char *end = memchr(line + at, '\n', text.size - at);
        const size_t size = end ? (size_t)(end - line) - at : text.size - at;
        const opa_text one = {line + at, size};
        at += size + 1;
        if (size > 0 && strncmp(one.data, "***", 3) != 0 && !(size == 2 && strncmp(one.data, "ok", 2) == 0))
            status = opa_verify_note(v, &(opa_defect){.code = OPA_F_STORE_PAGES}, "%.*s",
                                     (int)(size < 900 ? size : 900), one.data);
    }
    return status;
}

static int check_pages(opa_verification *v)
{
    sqlite3_stmt *s;
    sqlite3_progress_handler(v->db.handle, STEPS_PER_TICK, on_tick, v);
    int status = opa_db_prepare(&v->db, &s, "PRAGMA integrity_check(" PAGE_MESSAGES ")");
    while (status == OPA_OK && (status = opa_db_next(&v->db, s)) == OPA_OK)
        status = note_message(v, s);
    if (s)
        sqlite3_reset(s);
    sqlite3_progress_handler(v->db.handle, 0, NULL, NULL);
    if (status != OPA_END && sqlite3_errcode(v->db.handle) == SQLITE_INTERRUPT)
        return opa_fail(v->ctx, OPA_ECANCELLED, "stopped");
    return status == OPA_END ? OPA_OK : opa_verify_pass(v, status, "the file as a whole");
}

static int check_references(opa_verification *v)
{
    sqlite3_stmt *s;
    int status = opa_db_prepare(&v->db, &s, "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check");
    while (status == OPA_OK && (status = opa_db_next(&v->db, s)) == OPA_OK) {
        const opa_text from = opa_db_text(s, 0), to = opa_db_text(s, 2);
        status =
            opa_verify_note(v, &(opa_defect){.code = OPA_F_STORE_REFERENCE},
                            "row %lld of the table %.*s refers to a row of %.*s that is not there",
                            (long long)sqlite3_column_int64(s, 1), (int)from.size, from.data, (int)to.size, to.data);
    }
    if (s)
        sqlite3_reset(s);
    return status == OPA_END ? OPA_OK : opa_verify_pass(v, status, "the references between rows");
}

/* ---- the tables themselves ---- */

static int read_schema(opa_db *db, opa_buffer *out)
{
    sqlite3_stmt *s;
    int status = opa_db_prepare(db, &s, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
    while (status == OPA_OK && (status = opa_db_next(db, s)) == OPA_OK) {
        for (int i = 0; i < 4; i++) {
            opa_buffer_add_text(out, opa_db_text(s, i));
            opa_buffer_add_char(out, '\n');
        }
    }
    if (status != OPA_END)
        return status;
    return out->failed ? opa_fail_memory(db->ctx) : OPA_OK;
}

/* Triggers and constraints are what keeps a log append-only: they must be those of a store that is made now. */
static int check_schema(opa_verification *v)
{
    opa_db fresh = {0};
    opa_buffer want = {0}, have = {0};
    int status = opa_db_open(v->ctx, &fresh, ":memory:");
    if (status == OPA_OK)
        status = opa_schema_migrate(&fresh);
    if (status == OPA_OK)
        status = read_schema(&fresh, &want);
    opa_db_close(&fresh);
    if (status == OPA_OK)
        status = opa_verify_pass(v, read_schema(&v->db, &have), "the list of tables");
    if (status == OPA_OK && have.size && (have.size != want.size || memcmp(have.data, want.data, have.size) != 0))
        status = opa_verify_note(v, &(opa_defect){.code = OPA_F_STORE_PAGES},
                                 "the tables, indexes or triggers are not those of a store of version %d",
                                 OPA_STORE_VERSION);
    opa_buffer_release(&want);
    opa_buffer_release(&have);
    return status;
}

/* ---- the whole ---- */

static int count_rows(opa_verification *v)
{
    static const char sql[] = "SELECT (SELECT count(*) FROM images) + (SELECT count(*) FROM raws) +"
                              " (SELECT count(*) FROM samples) + (SELECT count(*) FROM files)";
    const int status = opa_db_integer(&v->db, &v->total, sql);
    if (status != OPA_OK)
        v->total = -1;
    return status == OPA_EDATA ? OPA_OK : status;
}

/* Everything in one transaction: what is imported meanwhile is not half seen. */
static int run(opa_verification *v)
{
    int64_t version = 0;
    int status = opa_db_exec(&v->db, "BEGIN");
    if (status == OPA_OK)
        status = opa_schema_version(&v->db, &version);
    if (status != OPA_OK)
        return opa_verify_pass(v, status, "the file's header");
    v->report->version = version;
    if (version > OPA_STORE_VERSION)
        return opa_schema_migrate(&v->db); /* which says so */
    if ((status = check_pages(v)) != OPA_OK || (status = check_references(v)) != OPA_OK)
        return status;
    if (version < OPA_STORE_VERSION) {
        opa_db_rollback(&v->db);
        if (v->report->findings)
            return OPA_OK;
        if ((status = opa_schema_migrate(&v->db)) != OPA_OK || (status = opa_db_exec(&v->db, "BEGIN")) != OPA_OK)
            return status;
    }
    if ((status = check_schema(v)) != OPA_OK || (status = count_rows(v)) != OPA_OK ||
        (status = opa_verify_bytes(v)) != OPA_OK)
        return status;
    return opa_verify_samples(v);
}

int opa_store_verify(opa_context *ctx, const char *path, const opa_store_verify_options *options, opa_finding_fn fn,
                     void *user, opa_store_verify_report *out)
{
    static const opa_store_verify_options defaults = OPA_STORE_VERIFY_OPTIONS_INIT;
    opa_store_verify_report unused;
    opa_verification v = {.ctx = ctx,
                          .options = options ? options : &defaults,
                          .fn = fn,
                          .user = user,
                          .report = out ? out : &unused,
                          .total = -1};
    *v.report = (opa_store_verify_report){0};
    int status = opa_store_recognise(ctx, path);
    if (status != OPA_OK)
        return status;
    status = opa_db_open(ctx, &v.db, path);
    if (status == OPA_EDATA)
        return opa_verify_note(&v, &(opa_defect){.code = OPA_F_STORE_PAGES}, "SQLite cannot open it: %s",
                               opa_context_message(ctx));
    if (status == OPA_OK)
        status = run(&v);
    opa_db_rollback(&v.db);
    opa_db_close(&v.db);
    opa_keys_release(&v.altered);
    return status;
}
