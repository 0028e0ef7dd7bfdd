/* SPDX-License-Identifier: Apache-2.0 */
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "store/quarantine.h"
#include "store/recorded.h"
#include "store/telling.h"
#include "store/waiting.h"

int opa_writer_init(opa_writer *out, opa_store *store, const opa_import_options *options)
{
    const struct {
        int64_t *key;
        const char *sql;
    } last[] = {
        {&out->file, "SELECT max(key) FROM files"},     {&out->image, "SELECT max(key) FROM images"},
        {&out->raw, "SELECT max(key) FROM raws"},       {&out->record, "SELECT max(key) FROM records"},
        {&out->sample, "SELECT max(key) FROM samples"}, {&out->edit, "SELECT max(sequence) FROM edits"},
    };
    *out = (opa_writer){.store = store, .db = &store->db, .options = options};
    opa_time_now(out->at);
    int status = OPA_OK;
    for (size_t i = 0; i < sizeof last / sizeof *last && status == OPA_OK; i++)
        status = opa_db_integer(out->db, last[i].key, last[i].sql);
    return status;
}

void opa_writer_release(opa_writer *w)
{
    opa_buffer_release(&w->memory);
    opa_keys_release(&w->waiting);
}

/* ---- rows ---- */

/* One integer by a statement whose parameters are bound; 0 when it gives no row. */
static int look_up(opa_writer *w, int64_t *out, sqlite3_stmt *s)
{
    *out = 0;
    const int status = opa_db_next(w->db, s);
    if (status != OPA_OK)
        return status == OPA_END ? OPA_OK : status;
    *out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return OPA_OK;
}

static int ensure_file(opa_writer *w, opa_source *source)
{
    sqlite3_stmt *s;
    const opa_text name = {source->name, strlen(source->name)};
    if (source->key)
        return OPA_OK;
    opa_buffer_clear(&source->sort_key);
    opa_file_sort_key(&source->sort_key, source->name);
    if (source->sort_key.failed)
        return opa_fail_memory(w->store->ctx);
    int status = opa_db_prepare(w->db, &s, "SELECT key FROM files WHERE name = ?");
    if (status != OPA_OK)
        return status;
    opa_db_bind_text(s, 1, name);
    if ((status = look_up(w, &source->key, s)) != OPA_OK || source->key)
        return status;
    if ((status = opa_db_prepare(w->db, &s, "INSERT INTO files (key, name, sort_key) VALUES (?, ?, ?)")) != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, w->file + 1);
    opa_db_bind_text(s, 2, name);
    opa_db_bind_blob(s, 3, opa_buffer_text(&source->sort_key));
    if ((status = opa_db_run(w->db, s)) == OPA_OK)
        source->key = ++w->file;
    return status;
}

static int insert_image_fault(opa_writer *w, int64_t image, int code)
{
    sqlite3_stmt *s;
    const int status = opa_db_prepare(w->db, &s, "INSERT INTO image_faults (image, code) VALUES (?, ?)");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, image);
    sqlite3_bind_int(s, 2, code);
    return opa_db_run(w->db, s);
}

/* The key of the record's image; a new one goes in. *key 0: the record has none. */
static int ensure_image(opa_writer *w, int64_t *key, const opa_incoming *in)
{
    static const char sql[] =
        "INSERT INTO images (key, sha256, format, width, height, bytes) VALUES (?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *s;
    *key = 0;
    if (!in->image.data)
        return OPA_OK;
    int status = opa_db_prepare(w->db, &s, "SELECT key FROM images WHERE sha256 = ?");
    if (status != OPA_OK)
        return status;
    const opa_text digest = {(const char *)in->image_sha256, OPA_SHA256_SIZE};
    opa_db_bind_blob(s, 1, digest);
    if ((status = look_up(w, key, s)) != OPA_OK || *key)
        return status;
    if ((status = opa_db_prepare(w->db, &s, sql)) != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, w->image + 1);
    opa_db_bind_blob(s, 2, digest);
    sqlite3_bind_int(s, 3, in->image_format);
    sqlite3_bind_int64(s, 4, in->image_width);
    sqlite3_bind_int64(s, 5, in->image_height);
    /* A dry run is taken back in the end: what it need not write, it does not. */
    opa_db_bind_blob(s, 6, w->options->dry_run ? OPA_TEXT("") : in->image);
    if ((status = opa_db_run(w->db, s)) != OPA_OK)
        return status;
    *key = ++w->image;
    w->report.images_added++;
    const int fault = opa_image_trouble(&in->findings);
    return fault ? insert_image_fault(w, *key, fault) : OPA_OK;
}

static int insert_findings(opa_writer *w, int64_t raw, const opa_findings *findings)
{
    sqlite3_stmt *s;
    int status = OPA_OK;
    for (size_t i = 0; i < findings->count && status == OPA_OK; i++) {
        const opa_finding *f = &findings->items[i];
        status = opa_db_prepare(w->db, &s,
                                "INSERT INTO findings (raw, n, code, line, field, message) VALUES (?, ?, ?, ?, ?, ?)");
        if (status != OPA_OK)
            return status;
        sqlite3_bind_int64(s, 1, raw);
        sqlite3_bind_int64(s, 2, (int64_t)i);
        sqlite3_bind_int(s, 3, f->code);
        sqlite3_bind_int64(s, 4, f->line);
        sqlite3_bind_text(s, 5, f->field, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 6, f->message, -1, SQLITE_STATIC);
        status = opa_db_run(w->db, s);
    }
    return status;
}

static int insert_raw(opa_writer *w, const opa_source *source, const opa_item *item, const opa_verdict *verdict,
                      int64_t image)
{
    static const char sql[] =
        "INSERT INTO raws (key, sha256, format, linked, sample, outcome, content, image_name, code, field, message,"
        " cut_image, cut_offset, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const opa_incoming *in = &item->in;
    const bool cut = image && in->cut.end > in->cut.begin;
    opa_buffer rest = {0};
    sqlite3_stmt *s;
    int status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    /* What waits is read again at the end, in a dry run too. */
    const bool unneeded = w->options->dry_run && verdict->code != OPA_F_ID_UNKNOWN;
    opa_text bytes = item->oversize || unneeded ? OPA_TEXT("") : in->bytes;
    if (cut && bytes.size) {
        opa_buffer_reserve(&rest, in->bytes.size - (in->cut.end - in->cut.begin));
        opa_buffer_add(&rest, in->bytes.data, in->cut.begin);
        opa_buffer_add(&rest, in->bytes.data + in->cut.end, in->bytes.size - in->cut.end);
        bytes = opa_buffer_text(&rest);
    }
    sqlite3_bind_int64(s, 1, w->raw + 1);
    opa_db_bind_blob(s, 2, (opa_text){(const char *)item->sha256, OPA_SHA256_SIZE});
    opa_db_bind_text(s, 3,
                     source->format ? (opa_text){source->format->name, strlen(source->format->name)} : OPA_TEXT(""));
    sqlite3_bind_int64(s, 4, in->image_linked ? image : 0);
    if (verdict->sample)
        sqlite3_bind_int64(s, 5, verdict->sample);
    sqlite3_bind_int(s, 6, verdict->outcome);
    if (verdict->sample)
        opa_db_bind_blob(s, 7, (opa_text){(const char *)item->content, OPA_SHA256_SIZE});
    opa_db_bind_text(s, 8, in->image_name);
    if (verdict->code) {
        sqlite3_bind_int(s, 9, verdict->code);
        sqlite3_bind_text(s, 10, verdict->field, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 11, verdict->message, -1, SQLITE_STATIC);
    }
    if (cut) {
        sqlite3_bind_int64(s, 12, image);
        sqlite3_bind_int64(s, 13, (int64_t)in->cut.begin);
    }
    opa_db_bind_blob(s, 14, bytes);
    status = rest.failed ? opa_fail_memory(w->store->ctx) : opa_db_run(w->db, s);
    opa_buffer_release(&rest);
    if (status == OPA_OK)
        w->raw++;
    return status;
}

/* The place of the record, under the key that was promised to its sample. */
static int insert_record(opa_writer *w, const opa_source *source, const opa_item *item, int64_t raw)
{
    sqlite3_stmt *s;
    int status = opa_db_prepare(w->db, &s, "INSERT INTO records (key, file, record, line, raw) VALUES (?, ?, ?, ?, ?)");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, w->record + 1);
    sqlite3_bind_int64(s, 2, source->key);
    sqlite3_bind_int64(s, 3, item->index);
    sqlite3_bind_int64(s, 4, item->line);
    sqlite3_bind_int64(s, 5, raw);
    if ((status = opa_db_run(w->db, s)) == OPA_OK)
        w->record++;
    return status;
}

/* A sample's source is the least place that made or repeated it, whatever came first. */
static int lower_source(opa_writer *w, const opa_source *source, const opa_item *item, int64_t sample)
{
    static const char now[] = "SELECT f.sort_key, k.record FROM samples s JOIN records k ON k.key = s.source"
                              " JOIN files f ON f.key = k.file WHERE s.key = ?";
    sqlite3_stmt *s;
    if (item->in.kind == OPA_INCOMING_EDIT)
        return OPA_OK;
    int status = opa_db_prepare(w->db, &s, now);
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, sample);
    if ((status = opa_db_next(w->db, s)) != OPA_OK)
        return status == OPA_END ? OPA_OK : status;
    const bool lower = opa_place_before(opa_buffer_text(&source->sort_key), item->index, opa_db_blob(s, 0),
                                        sqlite3_column_int64(s, 1));
    sqlite3_reset(s);
    if (!lower)
        return OPA_OK;
    if ((status = opa_db_prepare(w->db, &s, "UPDATE samples SET source = ? WHERE key = ?")) != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, w->record);
    sqlite3_bind_int64(s, 2, sample);
    return opa_db_run(w->db, s);
}

/* ---- a record ---- */

/* What the store knows of these bytes. */
typedef struct known_raw {
    int64_t key, sample;
    int code;    /* not 0: the store was the reason for quarantine, and may have changed since */
    bool placed; /* at this very file and record */
} known_raw;

/* An image that cannot be found now does not undo that it was found before, hence the order by linked. */
static int find_raw(opa_writer *w, known_raw *out, const opa_source *source, const opa_item *item, int64_t image)
{
    static const char sql[] =
        "SELECT w.key, w.sample, w.code, EXISTS (SELECT 1 FROM records k WHERE k.raw = w.key AND k.file = ?5 AND"
        " k.record = ?6) FROM raws w WHERE w.sha256 = ?1 AND w.format = ?2 AND (w.linked = ?3 OR ?4)"
        " ORDER BY w.linked DESC LIMIT 1";
    sqlite3_stmt *s;
    *out = (known_raw){0};
    int status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    opa_db_bind_blob(s, 1, (opa_text){(const char *)item->sha256, OPA_SHA256_SIZE});
    opa_db_bind_text(s, 2,
                     source->format ? (opa_text){source->format->name, strlen(source->format->name)} : OPA_TEXT(""));
    sqlite3_bind_int64(s, 3, item->in.image_linked ? image : 0);
    sqlite3_bind_int(s, 4, !item->in.image_linked);
    sqlite3_bind_int64(s, 5, source->key);
    sqlite3_bind_int64(s, 6, item->index);
    if ((status = opa_db_next(w->db, s)) != OPA_OK)
        return status == OPA_END ? OPA_OK : status;
    *out = (known_raw){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1), sqlite3_column_int(s, 2),
                       sqlite3_column_int(s, 3)};
    sqlite3_reset(s);
    return OPA_OK;
}

static void count(opa_import_report *report, const opa_verdict *verdict)
{
    report->revisions += verdict->outcome == OPA_OUTCOME_REVISION;
    report->attached += verdict->outcome == OPA_OUTCOME_ATTACHED || verdict->outcome == OPA_OUTCOME_EDIT;
    report->merged += verdict->outcome == OPA_OUTCOME_SAME;
    report->quarantined += verdict->outcome == OPA_OUTCOME_QUARANTINED;
}

int opa_writer_accept(opa_writer *w, const opa_item *item, const opa_verdict *verdict, int64_t raw)
{
    static const char sql[] =
        "UPDATE raws SET sample = ?, outcome = ?, content = ?, code = NULL, field = NULL, message = NULL WHERE key = ?";
    sqlite3_stmt *s;
    int status = opa_quarantine_release(w, raw);
    if (status == OPA_OK)
        status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    count(&w->report, verdict);
    sqlite3_bind_int64(s, 1, verdict->sample);
    sqlite3_bind_int(s, 2, verdict->outcome);
    opa_db_bind_blob(s, 3, (opa_text){(const char *)item->content, OPA_SHA256_SIZE});
    sqlite3_bind_int64(s, 4, raw);
    return opa_db_run(w->db, s);
}

/* The key of the record's place, which is made when it is not there yet. */
static int ensure_record(opa_writer *w, int64_t *out, const opa_source *source, const opa_item *item, int64_t raw)
{
    sqlite3_stmt *s;
    int status = opa_db_prepare(w->db, &s, "SELECT key FROM records WHERE raw = ? AND file = ? AND record = ?");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, raw);
    sqlite3_bind_int64(s, 2, source->key);
    sqlite3_bind_int64(s, 3, item->index);
    if ((status = look_up(w, out, s)) != OPA_OK || *out)
        return status;
    status = insert_record(w, source, item, raw);
    *out = w->record;
    return status;
}

/* The store keeps the record at this place in quarantine. */
static int hold(opa_writer *w, opa_source *source, const opa_verdict *verdict, int64_t record, int64_t raw)
{
    const int status = opa_quarantine_note(w, source, record);
    return status == OPA_OK && verdict->code == OPA_F_ID_UNKNOWN ? opa_waiting_note(w, raw) : status;
}

/* Bytes that are in quarantine already. Where the store was the reason, it may take them by now. */
static int known_bad(opa_writer *w, opa_source *source, opa_item *item, const known_raw *known, int64_t image)
{
    opa_verdict verdict = {.outcome = OPA_OUTCOME_QUARANTINED};
    int64_t record;
    int status = ensure_record(w, &record, source, item, known->key);
    if (status == OPA_OK && known->code)
        status = opa_apply(w, &verdict, source, item, record, image);
    if (status != OPA_OK)
        return status;
    if (verdict.sample) {
        status = opa_writer_accept(w, item, &verdict, known->key);
    } else {
        count(&w->report, &verdict);
        status = hold(w, source, &verdict, record, known->key);
    }
    return status == OPA_OK ? opa_tell_verdict(w, source, item, &verdict, known->key) : status;
}

/* Bytes that made, or went to, a sample before. At another place they say the same again, which counts where the last
 * word was another one meanwhile. */
static int known_good(opa_writer *w, opa_source *source, opa_item *item, const known_raw *known, int64_t image)
{
    opa_verdict verdict;
    if (known->placed) {
        w->report.known++;
        return OPA_OK;
    }
    int status = opa_apply(w, &verdict, source, item, w->record + 1, image);
    if (status == OPA_OK)
        status = insert_record(w, source, item, known->key);
    if (status == OPA_OK)
        status = lower_source(w, source, item, known->sample);
    if (status != OPA_OK)
        return status;
    if (!verdict.changed)
        verdict.outcome = OPA_OUTCOME_SAME;
    count(&w->report, &verdict);
    return verdict.changed ? opa_tell_verdict(w, source, item, &verdict, known->key)
                           : opa_tell_copy(w, source, item, known->key, true);
}

/* The same record was there before its image could be read: its place now means the complete one. */
static int supersede(opa_writer *w, const opa_source *source, const opa_item *item, int64_t raw)
{
    static const char sql[] = "UPDATE OR REPLACE records SET raw = ?1 WHERE file = ?2 AND record = ?3 AND raw IN"
                              " (SELECT key FROM raws WHERE sha256 = ?4 AND format = ?5 AND linked = 0) RETURNING key";
    sqlite3_stmt *s;
    int64_t record;
    int status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, raw);
    sqlite3_bind_int64(s, 2, source->key);
    sqlite3_bind_int64(s, 3, item->index);
    opa_db_bind_blob(s, 4, (opa_text){(const char *)item->sha256, OPA_SHA256_SIZE});
    sqlite3_bind_text(s, 5, source->format->name, -1, SQLITE_STATIC);
    status = look_up(w, &record, s);
    return status == OPA_OK && !record ? insert_record(w, source, item, raw) : status;
}

static int new_raw(opa_writer *w, opa_source *source, opa_item *item, int64_t image)
{
    opa_verdict verdict;
    int status = opa_apply(w, &verdict, source, item, w->record + 1, image);
    if (status == OPA_OK)
        status = insert_raw(w, source, item, &verdict, image);
    if (status == OPA_OK)
        status = insert_findings(w, w->raw, &item->in.findings);
    const bool complements = item->in.image_linked && verdict.sample && verdict.outcome != OPA_OUTCOME_MADE;
    if (status == OPA_OK)
        status = complements ? supersede(w, source, item, w->raw) : insert_record(w, source, item, w->raw);
    if (status == OPA_OK && verdict.sample && verdict.outcome != OPA_OUTCOME_MADE)
        status = lower_source(w, source, item, verdict.sample);
    count(&w->report, &verdict);
    if (status == OPA_OK && !verdict.sample)
        status = hold(w, source, &verdict, w->record, w->raw);
    return status == OPA_OK ? opa_tell_verdict(w, source, item, &verdict, w->raw) : status;
}

int opa_writer_item(opa_writer *w, opa_source *source, opa_item *item)
{
    known_raw known;
    int64_t image = 0;
    if (item->status != OPA_OK && item->status != OPA_ERECORD)
        return opa_fail(w->store->ctx, item->status, "%s: record %lld: %s", source->name, (long long)item->index,
                        item->status == OPA_ENOMEM ? "out of memory" : "cannot be read");
    w->report.records++;
    source->readable += item->readable;
    int status = ensure_file(w, source);
    if (status == OPA_OK)
        status = ensure_image(w, &image, &item->in);
    if (status == OPA_OK)
        status = find_raw(w, &known, source, item, image);
    if (status != OPA_OK)
        return status;
    if (!known.key)
        return new_raw(w, source, item, image);
    return known.sample ? known_good(w, source, item, &known, image) : known_bad(w, source, item, &known, image);
}

/* ---- a file ---- */

static int tell_file(opa_writer *w, const opa_source *source)
{
    int status = OPA_OK;
    for (size_t i = 0; i < source->findings.count && status == OPA_OK; i++) {
        const opa_finding *f = &source->findings.items[i];
        status = opa_tell(w, f->code, source->path, -1, f->line, (opa_text){0}, NULL, f->message);
    }
    return status;
}

int opa_writer_file(opa_writer *w, opa_source *source)
{
    int status = source->key ? opa_quarantine_settle(w, source) : OPA_OK;
    if (status != OPA_OK)
        return status;
    w->report.files++;
    if (source->status == OPA_OK && source->readable > 0)
        return tell_file(w, source);
    const int why = source->status ? source->status : OPA_EDATA;
    const char *message = source->message ? source->message
                          : source->key   ? "no record of the file could be read"
                                          : "there is no record in the file";
    w->report.files_failed++;
    if (why < w->report.worst_status)
        w->report.worst_status = why;
    opa_fail(w->store->ctx, why, "%s: %s", source->path, message);
    return opa_tell(w, OPA_F_JSON_INVALID, source->path, -1, 0, (opa_text){0}, NULL, message);
}
