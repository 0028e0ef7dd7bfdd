/* SPDX-License-Identifier: Apache-2.0 */
/* Images and records against the hashes that they are known by. */
#include <string.h>

#include "base/context.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "store/apply.h"
#include "store/verify.h"

/* ---- who is affected ---- */

/* A finding for each row of @p sql (file, record, line, id) for this key; one without a place where there is none. */
static int note_each(opa_verification *v, const char *sql, int64_t key, opa_defect defect, const char *message)
{
    sqlite3_stmt *s;
    int found = 0;
    int status = opa_db_prepare(&v->db, &s, sql);
    if (status == OPA_OK)
        sqlite3_bind_int64(s, 1, key);
    while (status == OPA_OK && (status = opa_db_next(&v->db, s)) == OPA_OK) {
        defect.file = opa_db_text(s, 0);
        defect.record = sqlite3_column_int64(s, 1);
        defect.line = sqlite3_column_int64(s, 2);
        defect.id = opa_db_text(s, 3);
        status = opa_verify_note(v, &defect, "%s", message);
        found++;
    }
    if (s)
        sqlite3_reset(s);
    if (status != OPA_END && status != OPA_EDATA)
        return status;
    defect.file = defect.id = (opa_text){0};
    return found ? OPA_OK : opa_verify_note(v, &defect, "%s (nothing that can be read uses it)", message);
}

/* ---- images ---- */

static const char image_users[] =
    "SELECT f.name, k.record, k.line, s.id FROM samples s JOIN records k ON k.key = s.source"
    " JOIN files f ON f.key = k.file WHERE s.image = ?1";

/* What stands beside the bytes comes from them. */
static bool described(opa_verification *v, opa_text bytes, sqlite3_stmt *row, int *status)
{
    opa_image_info info;
    opa_findings findings = {0};
    *status = opa_image_probe(v->ctx, &info, bytes, &findings);
    const int fault = opa_image_trouble(&findings);
    opa_findings_release(&findings);
    if (*status == OPA_ENOMEM)
        return true;
    *status = OPA_OK;
    return fault == sqlite3_column_int(row, 5) && (int)info.format == sqlite3_column_int(row, 2) &&
           (int64_t)info.width == sqlite3_column_int64(row, 3) && (int64_t)info.height == sqlite3_column_int64(row, 4);
}

static int check_image(opa_verification *v, int64_t key, sqlite3_stmt *row)
{
    const opa_defect defect = {.code = OPA_F_STORE_IMAGE};
    const opa_text digest = opa_db_blob(row, 0), bytes = opa_db_blob(row, 1);
    uint8_t now[OPA_SHA256_SIZE];
    int status;
    opa_sha256_of(now, bytes.data, bytes.size);
    v->report->images++;
    v->report->bytes += (int64_t)bytes.size;
    if (digest.size != OPA_SHA256_SIZE || memcmp(digest.data, now, OPA_SHA256_SIZE) != 0)
        return note_each(v, image_users, key, defect, "the image's bytes are altered: they do not have its SHA-256");
    if (!described(v, bytes, row, &status))
        return note_each(v, image_users, key, defect,
                         "what is noted of the image (format, size, fault) is not its own");
    return status;
}

/* ---- records ---- */

static const char raw_places[] = "SELECT f.name, k.record, k.line, s.id FROM records k JOIN files f ON f.key = k.file"
                                 " JOIN raws w ON w.key = k.raw LEFT JOIN samples s ON s.key = w.sample"
                                 " WHERE k.raw = ?1 ORDER BY f.sort_key, k.record";

/* A record over the limit was not kept: it is known by the place where it was seen first. */
static int is_lost(opa_verification *v, bool *out, int64_t key, const uint8_t digest[OPA_SHA256_SIZE])
{
    sqlite3_stmt *s;
    *out = false;
    int status = opa_db_prepare(&v->db, &s, raw_places);
    if (status == OPA_OK)
        sqlite3_bind_int64(s, 1, key);
    while (status == OPA_OK && !*out && (status = opa_db_next(&v->db, s)) == OPA_OK) {
        char name[512];
        uint8_t lost[OPA_SHA256_SIZE];
        const opa_text file = opa_db_text(s, 0);
        if (file.size >= sizeof name)
            continue;
        memcpy(name, file.data, file.size);
        name[file.size] = '\0';
        opa_raw_address_lost(lost, name, sqlite3_column_int64(s, 1));
        *out = memcmp(lost, digest, OPA_SHA256_SIZE) == 0;
    }
    if (s)
        sqlite3_reset(s);
    return status == OPA_END || status == OPA_EDATA ? OPA_OK : status;
}

static bool has_address(opa_text digest, opa_text bytes, sqlite3_stmt *row)
{
    const opa_text image = opa_db_blob(row, 3);
    const bool cut = sqlite3_column_type(row, 2) != SQLITE_NULL;
    const int64_t at = cut ? sqlite3_column_int64(row, 2) : 0;
    uint8_t now[OPA_SHA256_SIZE];
    if (digest.size != OPA_SHA256_SIZE || at < 0 || (uint64_t)at > bytes.size || (cut && image.size != OPA_SHA256_SIZE))
        return false;
    opa_raw_address(now, (opa_text){bytes.data, (size_t)at}, (opa_text){bytes.data + at, bytes.size - (size_t)at},
                    cut ? (const uint8_t *)image.data : NULL);
    return memcmp(now, digest.data, OPA_SHA256_SIZE) == 0;
}

static int check_raw(opa_verification *v, int64_t key, sqlite3_stmt *row)
{
    const opa_text digest = opa_db_blob(row, 0), bytes = opa_db_blob(row, 1);
    bool lost = false;
    int status = OPA_OK;
    v->report->bytes += (int64_t)bytes.size;
    if (has_address(digest, bytes, row))
        return OPA_OK;
    if (bytes.size == 0 && digest.size == OPA_SHA256_SIZE)
        status = is_lost(v, &lost, key, (const uint8_t *)digest.data);
    if (status != OPA_OK || lost)
        return status;
    if (!opa_keys_add(&v->altered, key))
        return opa_fail_memory(v->ctx);
    return note_each(v, raw_places, key, (opa_defect){.code = OPA_F_STORE_RECORD},
                     "the record's bytes are altered: they do not have its SHA-256");
}

/* ---- files ---- */

static int check_file(opa_verification *v, int64_t key, sqlite3_stmt *row)
{
    (void)key;
    opa_buffer name = {0}, order = {0};
    const opa_defect defect = {.code = OPA_F_STORE_RECORD, .file = opa_db_text(row, 0), .record = -1};
    opa_buffer_add_text(&name, defect.file);
    if (!name.failed)
        opa_file_sort_key(&order, name.data);
    int status = OPA_OK;
    if (name.failed || order.failed)
        status = opa_fail_memory(v->ctx);
    else if (!opa_text_equal(opa_buffer_text(&order), opa_db_blob(row, 1)))
        status = opa_verify_note(v, &defect, "the file is not sorted under its name");
    opa_buffer_release(&name);
    opa_buffer_release(&order);
    return status;
}

/* ---- places ---- */

static int check_quarantine(opa_verification *v)
{
    static const char sql[] =
        "SELECT f.name, k.record, k.line, s.id FROM quarantine q JOIN records k ON k.key = q.record"
        " JOIN files f ON f.key = k.file JOIN raws w ON w.key = k.raw JOIN samples s ON s.key = w.sample";
    sqlite3_stmt *s;
    int status = opa_db_prepare(&v->db, &s, sql);
    while (status == OPA_OK && (status = opa_db_next(&v->db, s)) == OPA_OK) {
        const opa_defect defect = {OPA_F_STORE_RECORD,         opa_db_text(s, 0), sqlite3_column_int64(s, 1),
                                   sqlite3_column_int64(s, 2), opa_db_text(s, 3), NULL};
        status = opa_verify_note(v, &defect, "the record is noted as in quarantine, but it went in");
    }
    if (s)
        sqlite3_reset(s);
    return status == OPA_END ? OPA_OK : opa_verify_pass(v, status, "the places in quarantine");
}

static int count_places(opa_verification *v)
{
    const int status = opa_db_integer(&v->db, &v->report->records, "SELECT count(*) FROM records");
    return status == OPA_EDATA ? OPA_OK : status;
}

int opa_verify_bytes(opa_verification *v)
{
    static const char images[] =
        "SELECT sha256, bytes, format, width, height, (SELECT code FROM image_faults WHERE image = key)"
        " FROM images WHERE key = ?1";
    static const char raws[] = "SELECT w.sha256, w.bytes, w.cut_offset, i.sha256 FROM raws w LEFT JOIN images i"
                               " ON i.key = w.cut_image WHERE w.key = ?1";
    static const char files[] = "SELECT name, sort_key FROM files WHERE key = ?1";
    int status = opa_verify_walk(v, images, "images", check_image);
    if (status == OPA_OK)
        status = opa_verify_walk(v, raws, "records", check_raw);
    if (status == OPA_OK)
        status = opa_verify_walk(v, files, "files", check_file);
    if (status == OPA_OK)
        status = check_quarantine(v);
    return status == OPA_OK ? count_places(v) : status;
}
