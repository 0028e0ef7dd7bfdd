/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"
#include "base/utf8.h"
#include "store/schema.h"

/* SQLite's file format, 1.3: the header's magic, and the application id at byte 68, big-endian. */
#define HEADER_SIZE 100
#define APPLICATION_ID_AT 68

enum kind { KIND_STORE, KIND_EMPTY_FILE, KIND_UNREADABLE, KIND_DATABASE, KIND_OTHER, KIND_NONE };

/* The first bytes of a file, through SQLite's own file layer: to close a descriptor of a database behind SQLite's back
 * takes away the locks that this process has on it (POSIX), and with them what another handle commits (sqlite.org,
 * "How To Corrupt", 2.2). *size: bytes read. false: it cannot be read. */
static bool read_head(const char *path, unsigned char head[HEADER_SIZE], off_t *size)
{
    sqlite3_vfs *const vfs = sqlite3_vfs_find(NULL);
    _Alignas(max_align_t) unsigned char memory[1024] = {0};
    sqlite3_file *const file = (sqlite3_file *)(void *)memory;
    char name[PATH_MAX + 4] = ""; /* SQLite expects the parameters of a URI behind the name: none */
    struct stat st;
    if (!vfs || (size_t)vfs->szOsFile > sizeof memory || strlen(path) > PATH_MAX || stat(path, &st) != 0)
        return false;
    memcpy(name, path, strlen(path));
    int rc = vfs->xOpen(vfs, name, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, NULL);
    if (rc == SQLITE_OK)
        rc = file->pMethods->xRead(file, head, HEADER_SIZE, 0);
    if (file->pMethods)
        file->pMethods->xClose(file);
    *size = rc == SQLITE_OK ? HEADER_SIZE : st.st_size < HEADER_SIZE ? st.st_size : 0;
    errno = rc == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM ? ENOMEM : EIO;
    return rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ;
}

static enum kind kind_of(const char *path)
{
    unsigned char head[HEADER_SIZE];
    struct stat st;
    off_t size;
    if (stat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR ? KIND_NONE : KIND_UNREADABLE;
    if (!S_ISREG(st.st_mode))
        return KIND_OTHER;
    if (access(path, R_OK) != 0 || !read_head(path, head, &size))
        return KIND_UNREADABLE;
    if (size == 0)
        return KIND_EMPTY_FILE;
    if (size < HEADER_SIZE || memcmp(head, "SQLite format 3", 16) != 0)
        return KIND_OTHER;
    const unsigned char *p = head + APPLICATION_ID_AT;
    const uint32_t id = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return id == OPA_STORE_APPLICATION_ID ? KIND_STORE : KIND_DATABASE;
}

bool opa_store_probe(const char *path)
{
    return kind_of(path) == KIND_STORE;
}

/* Page size first, it is fixed with the first table: in 32 KiB a photograph takes two or three pages. Smaller ones cost
 * time for each page, larger ones leave more of each empty. The mark of a store goes in before the tables, in one
 * transaction with the version: what a kill leaves is an empty file or a store. */
static int initialise(opa_db *db)
{
    int status = opa_db_exec(db, "PRAGMA page_size = 32768");
    if (status == OPA_OK)
        status = opa_db_exec(db, "PRAGMA application_id = 1330659664" /* OPA_STORE_APPLICATION_ID */);
    if (status == OPA_OK)
        status = opa_schema_migrate(db);
    return status;
}

_Static_assert(OPA_STORE_APPLICATION_ID == 1330659664, "initialise() names it in decimal");

static int read_integer(void *user, int columns, char **values, char **names)
{
    (void)names;
    *(int64_t *)user = columns > 0 && values[0] ? strtoll(values[0], NULL, 10) : 0;
    return 0;
}

/* A file that was made here goes again where it does not become a store. A full disk is OPA_EIO; else what cannot be
 * written cannot be created. */
static int make_file(opa_context *ctx, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const bool made = fd >= 0;
    if (!made && errno == EEXIST)
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return opa_fail(ctx, errno == ENOSPC || errno == EDQUOT ? OPA_EIO : OPA_ECREATE, "%s: cannot create: %s", path,
                        strerror(errno));
    close(fd);
    opa_db db;
    bool full = false;
    int64_t version = 0;
    bool known = true;
    int status = opa_db_open(ctx, &db, path);
    if (status == OPA_OK) {
        status = initialise(&db);
        full = opa_db_is_full(&db);
        /* Another process may have made it whole meanwhile, or be about to. */
        if (status != OPA_OK)
            known = full || sqlite3_exec(db.handle, "PRAGMA user_version", read_integer, &version, NULL) == SQLITE_OK;
        opa_db_close(&db);
    }
    if (status != OPA_OK && made && known && version == 0)
        unlink(path);
    return status == OPA_EIO && !full ? OPA_ECREATE : status;
}

int opa_store_create(opa_context *ctx, const char *path)
{
    const enum kind kind = kind_of(path);
    if (kind == KIND_UNREADABLE)
        return errno == ENOMEM ? opa_fail_memory(ctx) : opa_fail(ctx, OPA_ECREATE, "%s: %s", path, strerror(errno));
    if (kind == KIND_OTHER || kind == KIND_DATABASE)
        return opa_fail(ctx, OPA_ECREATE, "%s: exists and is not a store", path);
    if (kind == KIND_STORE) {
        opa_store *store;
        int64_t samples = 0, images = 0, records = 0;
        int status = opa_store_open(ctx, &store, path);
        if (status != OPA_OK)
            return status;
        status = opa_store_counts(store, &samples, &images);
        if (status == OPA_OK)
            status = opa_db_integer(&store->db, &records, "SELECT count(*) FROM records");
        opa_store_free(store);
        if (status == OPA_OK && (samples || records))
            return opa_fail(ctx, OPA_ECREATE, "%s: exists and is not empty (%lld samples)", path, (long long)samples);
        return status;
    }
    return make_file(ctx, path);
}

void opa_store_use_log(opa_store *store)
{
    sqlite3_busy_timeout(store->db.handle, 0);
    sqlite3_exec(store->db.handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    sqlite3_busy_timeout(store->db.handle, OPA_DB_WAIT_MS);
}

/* A write-ahead log lets others read while one writes. synchronous NORMAL: a killed process loses nothing, a power cut
 * at most the last imports, never the store; an edit by hand waits for the disk (FULL, edits.c), the first import does
 * not, and has no log either (import.c). Whoever opens a store without a log gives it one, unless a writer is at work:
 * it may be that import. */
static int settle(opa_store *store)
{
    opa_lock lock;
    if (store->db.read_only)
        return OPA_OK;
    int status = opa_db_exec(&store->db, "PRAGMA synchronous = NORMAL");
    if (status != OPA_OK || opa_db_has_log(&store->db) ||
        opa_lock_take(store->ctx, &lock, store->db.path, "opening", 0) != OPA_OK)
        return status;
    opa_store_use_log(store);
    opa_lock_release(&lock);
    return status;
}

int opa_store_recognise(opa_context *ctx, const char *path)
{
    switch (kind_of(path)) {
    case KIND_NONE:
        return opa_fail(ctx, OPA_ENOENT, "%s: no such store (make one with \"opapairs init\")", path);
    case KIND_UNREADABLE:
        return errno == ENOMEM ? opa_fail_memory(ctx) : opa_fail(ctx, OPA_EIO, "%s: %s", path, strerror(errno));
    case KIND_DATABASE:
        return opa_fail(ctx, OPA_EDATA, "%s: not a store: an SQLite database with another application_id than %d", path,
                        OPA_STORE_APPLICATION_ID);
    case KIND_EMPTY_FILE:
    case KIND_OTHER:
        return opa_fail(ctx, OPA_EDATA, "%s: not a store", path);
    case KIND_STORE:
        break;
    }
    return OPA_OK;
}

int opa_store_open(opa_context *ctx, opa_store **out, const char *path)
{
    *out = NULL;
    int status = opa_store_recognise(ctx, path);
    if (status != OPA_OK)
        return status;
    opa_store *store = calloc(1, sizeof *store);
    if (!store)
        return opa_fail_memory(ctx);
    store->ctx = ctx;
    store->wait_ms = OPA_DB_WAIT_MS;
    store->rehearsal.fd = -1;
    status = opa_db_open(ctx, &store->db, path);
    if (status == OPA_OK)
        status = opa_schema_migrate(&store->db);
    if (status == OPA_OK)
        status = settle(store);
    if (status != OPA_OK) {
        opa_store_free(store);
        return status;
    }
    *out = store;
    return OPA_OK;
}

void opa_store_free(opa_store *store)
{
    if (!store)
        return;
    opa_db_close(&store->db); /* which takes a rehearsal back */
    opa_lock_release(&store->rehearsal);
    opa_buffer_release(&store->sample);
    opa_buffer_release(&store->image);
    free(store);
}

int opa_store_lock(opa_store *store, opa_lock *out, const char *doing)
{
    *out = (opa_lock){.fd = -1};
    if (store->db.read_only)
        return opa_db_fail(&store->db, SQLITE_READONLY);
    return opa_lock_take(store->ctx, out, store->db.path, doing, store->wait_ms);
}

int opa_store_snapshot(opa_store *store, opa_db *out)
{
    int status = opa_db_open(store->ctx, out, store->db.path);
    if (status != OPA_OK)
        return status;
    int64_t ignored;
    status = opa_db_exec(out, "BEGIN");
    /* The snapshot is taken by the first read. */
    if (status == OPA_OK)
        status = opa_db_integer(out, &ignored, "SELECT count(*) FROM files");
    if (status != OPA_OK)
        opa_db_close(out);
    return status;
}

void opa_sample_read(opa_sample *out, sqlite3_stmt *row)
{
    *out = (opa_sample){
        .id = opa_db_text(row, 0),
        .source_file = opa_db_text(row, 1),
        .source_record = sqlite3_column_int64(row, 2),
        .image_id = opa_db_text(row, 3),
        .image_expected = sqlite3_column_int(row, 4),
        .image_format = (opa_image_format)sqlite3_column_int(row, 6),
        .image_width = (uint32_t)sqlite3_column_int64(row, 7),
        .image_height = (uint32_t)sqlite3_column_int64(row, 8),
        .prompt = opa_db_text(row, 9),
        .generated = opa_db_text(row, 10),
        .revised = opa_db_text(row, 11),
        .revised_by_hand = sqlite3_column_int(row, 12),
        .ground_truth = opa_db_text(row, 13),
        .report = opa_db_text(row, 15),
        .excluded = sqlite3_column_int(row, 16),
        .source_line = sqlite3_column_int64(row, 17),
        .sequence = sqlite3_column_int64(row, 18),
        .report_field = opa_text_equal(opa_db_text(row, 19), OPA_TEXT("rollout")) ? "AI_json_report" : "feedback",
        .report_moved = sqlite3_column_int(row, 20),
    };
    opa_reviewed reviewed;
    opa_review_read(&reviewed, row, 21);
    out->review = reviewed.review;
    out->reviewed_by = reviewed.by;
    out->reviewed_at = reviewed.at;
    out->report_expected = sqlite3_column_int(row, 14) || out->report.data;
    const opa_text digest = opa_db_blob(row, 5);
    out->has_image = digest.size == OPA_SHA256_SIZE;
    if (out->has_image)
        memcpy(out->image_sha256, digest.data, OPA_SHA256_SIZE);
}

/* Copy the texts of *sample into @p memory, which is big enough for all of them. */
static void move_texts(opa_sample *sample, opa_buffer *memory)
{
    opa_text *const texts[] = {&sample->id,          &sample->source_file, &sample->image_id,     &sample->prompt,
                               &sample->generated,   &sample->revised,     &sample->ground_truth, &sample->report,
                               &sample->reviewed_by, &sample->reviewed_at};
    const size_t count = sizeof texts / sizeof *texts;
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += texts[i]->size + 1;
    opa_buffer_clear(memory);
    if (!opa_buffer_reserve(memory, total))
        return;
    for (size_t i = 0; i < count; i++) {
        if (!texts[i]->data)
            continue;
        char *const at = memory->data + memory->size;
        opa_buffer_add_text(memory, *texts[i]);
        opa_buffer_add_char(memory, '\0');
        texts[i]->data = at;
    }
}

int opa_sample_row(opa_db *db, sqlite3_stmt **out, const char *sql, opa_text id)
{
    int status = opa_db_prepare(db, out, sql);
    if (status != OPA_OK)
        return status;
    opa_db_bind_text(*out, 1, id.data ? id : OPA_TEXT(""));
    status = opa_db_next(db, *out);
    if (status == OPA_END)
        return opa_fail(db->ctx, OPA_ENOENT, "%s: no sample \"%.*s\"", db->path, (int)(id.size < 200 ? id.size : 200),
                        id.data ? id.data : "");
    return status;
}

int opa_store_sample(opa_store *store, opa_sample *out, opa_text id)
{
    static const char sql[] = OPA_SAMPLE_SELECT "WHERE s.id = ?";
    sqlite3_stmt *s;
    *out = (opa_sample){0};
    const int status = opa_sample_row(&store->db, &s, sql, id);
    if (status != OPA_OK)
        return status;
    opa_sample_read(out, s);
    move_texts(out, &store->sample);
    sqlite3_reset(s);
    if (store->sample.failed) {
        *out = (opa_sample){0};
        return opa_fail_memory(store->ctx);
    }
    return OPA_OK;
}

int opa_store_counts(opa_store *store, int64_t *samples, int64_t *images)
{
    const int status = opa_db_integer(&store->db, samples, "SELECT count(*) FROM samples");
    return status == OPA_OK ? opa_db_integer(&store->db, images, "SELECT count(DISTINCT image) FROM samples") : status;
}

int opa_store_image_into(opa_store *store, opa_buffer *out, const uint8_t sha256[OPA_SHA256_SIZE])
{
    static const char sql[] = "SELECT bytes FROM images WHERE sha256 = ?";
    sqlite3_stmt *s;
    opa_buffer_clear(out);
    int status = opa_db_prepare(&store->db, &s, sql);
    if (status != OPA_OK)
        return status;
    opa_db_bind_blob(s, 1, (opa_text){(const char *)sha256, OPA_SHA256_SIZE});
    status = opa_db_next(&store->db, s);
    if (status == OPA_END)
        return opa_fail(store->ctx, OPA_ENOENT, "%s: no such image", store->db.path);
    if (status != OPA_OK)
        return status;
    opa_buffer_add_text(out, opa_db_blob(s, 0));
    sqlite3_reset(s);
    return out->failed ? opa_fail_memory(store->ctx) : OPA_OK;
}

int opa_store_image(opa_store *store, opa_text *out, const uint8_t sha256[OPA_SHA256_SIZE])
{
    *out = (opa_text){0};
    const int status = opa_store_image_into(store, &store->image, sha256);
    if (status == OPA_OK)
        *out = opa_buffer_text(&store->image);
    return status;
}
