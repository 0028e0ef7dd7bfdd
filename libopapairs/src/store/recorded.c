/* SPDX-License-Identifier: Apache-2.0 */
#include "store/recorded.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/context.h"
#include "base/findings.h"
#include "store/keys.h"
#include "store/writer.h"

void opa_copy_message(opa_buffer *out, bool same_bytes, opa_text file, int64_t record)
{
    opa_buffer_add_string(out, same_bytes ? "byte-equal copy of record " : "says the same as record ");
    opa_buffer_printf(out, "%lld of ", (long long)record);
    opa_buffer_add_text(out, file);
}

int64_t opa_recorded_line(int64_t line, int64_t relative)
{
    return relative > 0 ? line + relative - 1 : line;
}

bool opa_place_before(opa_text a_key, int64_t a_record, opa_text b_key, int64_t b_record)
{
    const size_t shorter = a_key.size < b_key.size ? a_key.size : b_key.size;
    const int order = memcmp(a_key.data, b_key.data, shorter);
    if (order != 0)
        return order < 0;
    if (a_key.size != b_key.size)
        return a_key.size < b_key.size;
    return a_record < b_record;
}

/* ---- findings ---- */

/* Does the finding on a record in quarantine at a place still hold (quarantine.h)? */
#define HOLDS "EXISTS (SELECT 1 FROM quarantine q WHERE q.record = p.place)"

/* The code and message of a finding n on a record whose sample is complete, or not: what is wrong with an image is no
 * error of one that has another or needs none. */
#define PASSED_OVER "complete AND (n.code BETWEEN 401 AND 407 OR n.code = 412)"
#define CODE "iif(" PASSED_OVER ", 415, n.code)"
#define MESSAGE "n.message || iif(" PASSED_OVER ", '" OPA_PASSED_OVER_MESSAGE "', '')"

_Static_assert(OPA_F_IMAGE_MISSING == 401 && OPA_F_IMAGE_HUGE == 407 && OPA_F_IMAGE_FILE == 412 &&
                   OPA_F_IMAGE_PASSED_OVER == 415,
               "named in statements");

/* Most records stand in one place, made their sample, are its only ones and have nothing to be said of: only the odd ones
 * are ranked, which is most of the time for a set of thousands. They are found in indices alone: a record with another
 * outcome is never the only one of its sample, and the rows hold the records' bytes. Every place of these with its rank
 * among the places of the same bytes (copy) and among those of one sample that say the same (repeat), and what the first
 * of these did. Then one row a finding, of kind
 *
 *   1  of a file
 *   2  of a raw, at its least place; in quarantine at each
 *   3  the store's reason for a quarantine
 *   4  a revision, at the least place that says it
 *   5  a copy, at every place but the least
 *
 * with the columns sort_key, record, kind, n, file, line of the record, line in it, id, code, field, message, copy > 1,
 * file and record of the original, key of the raw where it is in quarantine. */
static const char findings_sql[] =
    "WITH odd AS MATERIALIZED ("
    "  SELECT raw FROM findings UNION SELECT raw FROM records GROUP BY raw HAVING count(*) > 1"
    "  UNION SELECT key FROM raws WHERE sample IS NULL"
    "  UNION SELECT key FROM raws WHERE sample IN (SELECT sample FROM raws GROUP BY sample HAVING count(*) > 1)),"
    " places AS ("
    "  SELECT k.key AS place, k.raw, k.record, k.line, f.name AS file, f.sort_key, w.sample, w.outcome, w.code,"
    "    w.field, w.message, s.id, " OPA_SAMPLE_COMPLETE " AS complete,"
    "    row_number() OVER (PARTITION BY k.raw ORDER BY f.sort_key, k.record) AS copy,"
    "    row_number() OVER said AS repeat,"
    "    min(w.outcome) OVER (PARTITION BY w.sample, ifnull(w.content, w.key)) AS first_outcome,"
    "    first_value(f.name) OVER copies AS copy_file, first_value(k.record) OVER copies AS copy_record,"
    "    first_value(f.name) OVER said AS said_file, first_value(k.record) OVER said AS said_record,"
    "    s.source"
    "  FROM odd JOIN records k ON k.raw = odd.raw JOIN files f ON f.key = k.file JOIN raws w ON w.key = k.raw"
    "  LEFT JOIN samples s ON s.key = w.sample"
    "  WHERE ?1 IS NULL OR s.id = ?1"
    "  WINDOW copies AS (PARTITION BY k.raw ORDER BY f.sort_key, k.record),"
    "    said AS (PARTITION BY w.sample, ifnull(w.content, w.key) ORDER BY f.sort_key, k.record))"
    " SELECT f.sort_key, -1, 1, 0, f.name, 0, n.line, NULL, n.code, NULL, n.message, 0, NULL, 0, NULL"
    "   FROM (SELECT DISTINCT file, code, line, message FROM file_findings) n JOIN files f ON f.key = n.file"
    "   WHERE ?1 IS NULL"
    " UNION ALL SELECT p.sort_key, p.record, 2, n.n, p.file, p.line, n.line, p.id, " CODE ", n.field, " MESSAGE ","
    "     0, NULL, 0, iif(p.sample IS NULL, p.raw, NULL)"
    "   FROM places p JOIN findings n ON n.raw = p.raw WHERE iif(p.sample IS NULL, " HOLDS ", p.copy = 1)"
    " UNION ALL SELECT p.sort_key, p.record, 3, 0, p.file, p.line, 0, NULL, p.code, p.field, p.message, 0, NULL, 0, "
    "p.raw"
    "   FROM places p WHERE p.sample IS NULL AND p.code IS NOT NULL AND " HOLDS
    " UNION ALL SELECT p.sort_key, p.record, 4, 0, p.file, p.line, 0, p.id, 603, NULL, NULL, 0, NULL, 0, NULL"
    "   FROM places p WHERE p.sample IS NOT NULL AND p.repeat = 1 AND p.first_outcome = 1"
    " UNION ALL SELECT p.sort_key, p.record, 5, 0, p.file, p.line, 0, p.id, 601, NULL, NULL, p.copy > 1,"
    "     CASE WHEN p.copy > 1 THEN p.copy_file WHEN p.repeat > 1 THEN p.said_file ELSE f.name END,"
    "     CASE WHEN p.copy > 1 THEN p.copy_record WHEN p.repeat > 1 THEN p.said_record ELSE k.record END, NULL"
    "   FROM places p JOIN records k ON k.key = p.source JOIN files f ON f.key = k.file"
    "   WHERE p.sample IS NOT NULL AND (p.repeat > 1 OR p.first_outcome = 4)"
    " ORDER BY 1, 2, 3, 4, 7";

_Static_assert(OPA_F_REVISION == 603 && OPA_F_DUPLICATE_RECORD == 601 && OPA_OUTCOME_REVISION == 1 &&
                   OPA_OUTCOME_SAME == 4,
               "named in the statement");

/* Texts of the current row, with a NUL behind each. */
typedef struct row_texts {
    opa_buffer file, field, message, id;
} row_texts;

/* What a record in quarantine calls itself; empty where that cannot be read, or follows from its image (a rollout). */
static int read_quarantined_id(opa_buffer *out, opa_db *db, int64_t raw)
{
    sqlite3_stmt *s;
    opa_json *doc = NULL;
    opa_buffer_clear(out);
    int status = opa_db_prepare(db, &s, "SELECT bytes FROM raws WHERE key = ? AND format <> 'rollout'");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, raw);
    if ((status = opa_db_next(db, s)) != OPA_OK)
        return status == OPA_END ? OPA_OK : status;
    status = opa_json_parse(db->ctx, &doc, opa_db_blob(s, 0), NULL, NULL);
    if (status == OPA_OK) {
        opa_text id = {0};
        const struct cJSON *root = opa_json_root(doc), *value = opa_json_get(root, "id");
        value = value ? value : opa_json_get(root, "question_id");
        if (value && (opa_json_text(doc, value, &id) || opa_json_lexeme(doc, value, &id)))
            opa_buffer_add_text(out, id);
    }
    opa_json_free(doc);
    sqlite3_reset(s);
    return status == OPA_ENOMEM || out->failed ? OPA_ENOMEM : OPA_OK;
}

static bool read_texts(row_texts *out, sqlite3_stmt *row, int kind)
{
    opa_buffer_clear(&out->file);
    opa_buffer_clear(&out->field);
    opa_buffer_clear(&out->message);
    opa_buffer_add_text(&out->file, opa_db_text(row, 4));
    opa_buffer_add_text(&out->field, opa_db_text(row, 9));
    if (kind == 4)
        opa_buffer_add_string(&out->message, OPA_REVISION_MESSAGE);
    else if (kind == 5)
        opa_copy_message(&out->message, sqlite3_column_int(row, 11), opa_db_text(row, 12),
                         sqlite3_column_int64(row, 13));
    else
        opa_buffer_add_text(&out->message, opa_db_text(row, 10));
    return !out->file.failed && !out->field.failed && !out->message.failed;
}

static void release_texts(row_texts *t)
{
    opa_buffer_release(&t->file);
    opa_buffer_release(&t->field);
    opa_buffer_release(&t->message);
    opa_buffer_release(&t->id);
}

/* The finding of the current row into *list, which is empty. */
static int read_finding(opa_findings *list, row_texts *texts, opa_db *db, sqlite3_stmt *row)
{
    opa_text id = opa_db_text(row, 7);
    const bool quarantined = sqlite3_column_type(row, 14) != SQLITE_NULL;
    const int kind = sqlite3_column_int(row, 2);
    const int64_t inner = sqlite3_column_int64(row, 6);
    if (!read_texts(texts, row, kind))
        return OPA_ENOMEM;
    const int64_t line = kind == 1 ? inner : opa_recorded_line(sqlite3_column_int64(row, 5), inner);
    const bool has_field = sqlite3_column_type(row, 9) != SQLITE_NULL;
    int status =
        opa_findings_add(list, sqlite3_column_int(row, 8), line, has_field ? opa_buffer_text(&texts->field).data : NULL,
                         "%s", opa_buffer_text(&texts->message).data);
    if (status == OPA_OK && quarantined) {
        list->items[0].quarantined = true;
        status = read_quarantined_id(&texts->id, db, sqlite3_column_int64(row, 14));
        id = texts->id.size ? opa_buffer_text(&texts->id) : id;
    }
    return status == OPA_OK
               ? opa_findings_locate(list, 0, opa_buffer_text(&texts->file).data, sqlite3_column_int64(row, 1), id)
               : status;
}

static int each_finding(opa_db *db, opa_text id, opa_finding_fn fn, void *user)
{
    sqlite3_stmt *s;
    opa_findings one = {0};
    row_texts texts = {0};
    int status = opa_db_prepare(db, &s, findings_sql);
    if (status != OPA_OK)
        return status;
    opa_db_bind_text(s, 1, id);
    while ((status = opa_db_next(db, s)) == OPA_OK) {
        opa_findings_clear(&one);
        if ((status = read_finding(&one, &texts, db, s)) != OPA_OK) {
            status = status == OPA_ENOMEM ? opa_fail_memory(db->ctx) : status;
            break;
        }
        if (fn(user, &one.items[0]) != 0) {
            status = opa_fail(db->ctx, OPA_ECANCELLED, "stopped");
            break;
        }
    }
    release_texts(&texts);
    opa_findings_release(&one);
    return status == OPA_END ? OPA_OK : status;
}

int opa_store_findings(opa_store *store, opa_text id, opa_finding_fn fn, void *user)
{
    opa_db db;
    int status = opa_store_snapshot(store, &db);
    if (status != OPA_OK)
        return status;
    status = each_finding(&db, id, fn, user);
    opa_db_close(&db);
    return status;
}

/* What opa_store_findings() gives as kind 2, without the ranks of all places, which take longer than the rest. */
int opa_store_sample_findings(opa_store *store, opa_finding_fn fn, void *user)
{
    static const char sql[] =
        "SELECT s.id, " CODE ", " MESSAGE " FROM findings n JOIN raws w ON w.key = n.raw"
        " JOIN (SELECT s.key, s.id, " OPA_SAMPLE_COMPLETE " AS complete FROM samples s) s ON s.key = w.sample"
        " WHERE EXISTS (SELECT 1 FROM records k WHERE k.raw = n.raw)";
    opa_findings one = {0};
    sqlite3_stmt *s;
    int status = opa_db_prepare(&store->db, &s, sql);
    if (status != OPA_OK)
        return status;
    while ((status = opa_db_next(&store->db, s)) == OPA_OK) {
        const opa_text message = opa_db_text(s, 2);
        opa_findings_clear(&one);
        if (opa_findings_add(&one, sqlite3_column_int(s, 1), 0, NULL, "%.*s", (int)message.size,
                             message.data ? message.data : "") != OPA_OK ||
            opa_findings_locate(&one, 0, NULL, -1, opa_db_text(s, 0)) != OPA_OK) {
            status = opa_fail_memory(store->ctx);
            break;
        }
        if (fn(user, &one.items[0]) != 0) {
            status = opa_fail(store->ctx, OPA_ECANCELLED, "stopped");
            break;
        }
    }
    sqlite3_reset(s);
    opa_findings_release(&one);
    return status == OPA_END ? OPA_OK : status;
}

/* ---- records ---- */

/* The rest of the record with its image, as base64, where it was cut out. */
static int whole(opa_db *db, opa_buffer *out, opa_text rest, opa_text image, int64_t offset)
{
    opa_buffer_clear(out);
    if (!image.data) {
        opa_buffer_add_text(out, rest);
    } else {
        if (offset < 0 || (uint64_t)offset > rest.size)
            return opa_fail(db->ctx, OPA_EDATA, "%s: the store is damaged: an image stands outside its record",
                            db->path);
        const size_t size = OPA_BASE64_ENCODED(image.size);
        opa_buffer_add(out, rest.data, (size_t)offset);
        if (opa_buffer_reserve(out, size)) {
            opa_base64_encode(out->data + out->size, image.data, image.size);
            out->size += size;
            out->data[out->size] = '\0';
        }
        opa_buffer_add(out, rest.data + offset, rest.size - (size_t)offset);
    }
    return out->failed ? opa_fail_memory(db->ctx) : OPA_OK;
}

static int each_record(opa_db *db, const opa_keys *keys, opa_record_fn fn, void *user)
{
    static const char sql[] =
        "SELECT f.name, k.record, k.line, s.id, w.cut_offset, w.bytes, i.bytes FROM records k"
        " JOIN files f ON f.key = k.file JOIN raws w ON w.key = k.raw LEFT JOIN samples s ON s.key = w.sample"
        " LEFT JOIN images i ON i.key = w.cut_image WHERE k.key = ?";
    opa_buffer bytes = {0};
    sqlite3_stmt *s;
    int status = opa_db_prepare(db, &s, sql);
    for (size_t i = 0; i < keys->count && status == OPA_OK; i++) {
        sqlite3_reset(s);
        sqlite3_bind_int64(s, 1, keys->items[i]);
        if ((status = opa_db_next(db, s)) != OPA_OK)
            break;
        if ((status = whole(db, &bytes, opa_db_blob(s, 5), opa_db_blob(s, 6), sqlite3_column_int64(s, 4))) != OPA_OK)
            break;
        const opa_record record = {
            .file = opa_db_text(s, 0),
            .record = sqlite3_column_int64(s, 1),
            .line = sqlite3_column_int64(s, 2),
            .id = opa_db_text(s, 3),
            .bytes = opa_buffer_text(&bytes),
        };
        if (fn(user, &record) != 0)
            status = opa_fail(db->ctx, OPA_ECANCELLED, "stopped");
    }
    opa_buffer_release(&bytes);
    return status == OPA_END
               ? opa_fail(db->ctx, OPA_EDATA, "%s: the store is damaged: a record without bytes", db->path)
               : status;
}

int opa_store_records(opa_store *store, opa_text id, opa_record_fn fn, void *user)
{
    static const char sql[] =
        "SELECT k.key FROM records k JOIN files f ON f.key = k.file JOIN raws w ON w.key = k.raw"
        " LEFT JOIN samples s ON s.key = w.sample WHERE ?1 IS NULL OR s.id = ?1 ORDER BY f.sort_key, k.record, k.key";
    opa_db db;
    opa_keys keys = {0};
    sqlite3_stmt *s;
    int status = opa_store_snapshot(store, &db);
    if (status != OPA_OK)
        return status;
    status = opa_db_prepare(&db, &s, sql);
    if (status == OPA_OK) {
        opa_db_bind_text(s, 1, id);
        status = opa_keys_collect(&keys, &db, s);
    }
    if (status == OPA_OK)
        status = each_record(&db, &keys, fn, user);
    opa_keys_release(&keys);
    opa_db_close(&db);
    return status;
}
