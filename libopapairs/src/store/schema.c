/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include <stdio.h>

#include "base/context.h"

/* Version 1.
 *
 *   files ──< records >── raws ──> samples ──> images
 *                           └──< findings      └──< edits
 *
 * files     base names; sort_key orders names with numbers as numbers (naming.h).
 * images    original bytes, once each.
 * raws      the bytes of imported records, once for all byte-equal ones, with what became of them.
 *           Where a record holds an image as canonical base64, that text is cut out: it stood at cut_offset and is
 *           the encoding of cut_image. sha256 is of the rest, then of the offset and the image's hash (batch.c).
 *           A record is read anew when another format is asked for, or when the image file that it names holds other
 *           bytes (linked), so these belong to its identity.
 *           sample is NULL in quarantine; code, field and message say why where the store, not the record, is the
 *           reason. outcome: enum opa_outcome (writer.h). content is a hash of revised text, ground truth and report:
 *           records of one sample with the same content say the same.
 * records   each place (file, record) where a raw was seen. The least place of a sample is its source.
 * findings  of raws; line counts from the record's first line (1), 0 unknown.
 * samples   what never changes of a sample; head is the edit that is in force.
 * edits     append-only; each holds the whole state after it. The first of each sample is its import.
 */
static const char version_1[] =
    "CREATE TABLE files ("
    "  key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sort_key BLOB NOT NULL) STRICT;"
    "CREATE TABLE images ("
    "  key INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, format INTEGER NOT NULL, width INTEGER NOT NULL,"
    "  height INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE samples ("
    "  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, pack_key TEXT NOT NULL, image INTEGER REFERENCES images,"
    "  image_expected INTEGER NOT NULL, report_expected INTEGER NOT NULL,"
    "  source INTEGER NOT NULL REFERENCES records DEFERRABLE INITIALLY DEFERRED,"
    "  head INTEGER NOT NULL REFERENCES edits DEFERRABLE INITIALLY DEFERRED,"
    "  prompt TEXT NOT NULL, generated TEXT NOT NULL) STRICT;"
    "CREATE INDEX samples_pack_key ON samples (pack_key);"
    "CREATE INDEX samples_image ON samples (image);"
    /* A deferred reference is looked up from the other side when its target comes: without these, every insert scans
       all samples. */
    "CREATE INDEX samples_source ON samples (source);"
    "CREATE INDEX samples_head ON samples (head);"
    "CREATE TABLE edits ("
    "  sequence INTEGER PRIMARY KEY, sample INTEGER NOT NULL REFERENCES samples, what INTEGER NOT NULL, by TEXT,"
    "  at TEXT NOT NULL, why TEXT, undoes INTEGER REFERENCES edits, by_hand INTEGER NOT NULL, excluded INTEGER NOT "
    "NULL,"
    "  revised TEXT, ground_truth TEXT, report TEXT) STRICT;"
    "CREATE INDEX edits_sample ON edits (sample);"
    "CREATE TRIGGER edits_keep BEFORE UPDATE ON edits BEGIN SELECT raise(ABORT, 'edits are append-only'); END;"
    "CREATE TRIGGER edits_stay BEFORE DELETE ON edits BEGIN SELECT raise(ABORT, 'edits are append-only'); END;"
    "CREATE TABLE raws ("
    "  key INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, format TEXT NOT NULL, linked INTEGER NOT NULL DEFAULT 0,"
    "  sample INTEGER REFERENCES samples, outcome INTEGER NOT NULL, content BLOB, image_name TEXT,"
    "  code INTEGER, field TEXT, message TEXT,"
    "  cut_image INTEGER REFERENCES images, cut_offset INTEGER, bytes BLOB NOT NULL,"
    "  UNIQUE (sha256, format, linked)) STRICT;"
    "CREATE INDEX raws_sample ON raws (sample);"
    "CREATE TABLE records ("
    "  key INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files, record INTEGER NOT NULL, line INTEGER NOT NULL,"
    "  raw INTEGER NOT NULL REFERENCES raws, UNIQUE (file, record, raw)) STRICT;"
    "CREATE INDEX records_raw ON records (raw);"
    "CREATE TABLE findings ("
    "  raw INTEGER NOT NULL REFERENCES raws, n INTEGER NOT NULL, code INTEGER NOT NULL, line INTEGER NOT NULL,"
    "  field TEXT, message TEXT, PRIMARY KEY (raw, n)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE file_findings ("
    "  file INTEGER NOT NULL REFERENCES files, code INTEGER NOT NULL, line INTEGER NOT NULL, message TEXT NOT NULL,"
    "  UNIQUE (file, code, line, message)) STRICT;";

/* Version 2: the review (review.h).
 *
 * seen      who looked first at a sample while the entry was the one that decides of its review, always an import:
 *           what is accepted or changed by hand needs no mark. Not the head: taking an acceptance back leads to another
 *           head, but to texts that were seen.
 * edits.undoes is searched for each entry: is it taken back?
 */
static const char version_2[] =
    "CREATE INDEX edits_undoes ON edits (undoes) WHERE undoes IS NOT NULL;"
    "CREATE TABLE seen ("
    "  sample INTEGER NOT NULL REFERENCES samples, entry INTEGER NOT NULL REFERENCES edits, by TEXT, at TEXT NOT NULL,"
    "  PRIMARY KEY (sample, entry)) STRICT, WITHOUT ROWID;";

/* Version 3: what was mended is said no more (quarantine.h).
 *
 * image_faults   images that cannot be trained on, with the code that says why: it follows from their bytes (probe). Beside
 *                the images, not in them: behind the bytes a column costs reading all of these.
 * quarantine     places of quarantined records that stood in a file when it was imported last, by its origin: a hash of
 *                its path, which tells files of one name apart; empty where that is not known.
 * file_findings  by origin, too.
 * What version 2 knew comes along as of unknown origin.
 */
static const char version_3[] =
    "CREATE TABLE image_faults (image INTEGER PRIMARY KEY REFERENCES images, code INTEGER NOT NULL) STRICT;"
    "INSERT INTO image_faults SELECT image, min(code) FROM ("
    "  SELECT coalesce(w.cut_image, nullif(w.linked, 0), s.image) AS image, n.code FROM findings n"
    "  JOIN raws w ON w.key = n.raw LEFT JOIN samples s ON s.key = w.sample WHERE n.code BETWEEN 403 AND 407)"
    "  WHERE image IS NOT NULL GROUP BY image;"
    "CREATE TABLE quarantine ("
    "  record INTEGER NOT NULL REFERENCES records, origin BLOB NOT NULL, PRIMARY KEY (record, origin))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE INDEX quarantine_origin ON quarantine (origin);"
    "INSERT INTO quarantine SELECT k.key, x'' FROM raws w JOIN records k ON k.raw = w.key WHERE w.sample IS NULL;"
    "ALTER TABLE file_findings RENAME TO file_findings_2;"
    "CREATE TABLE file_findings ("
    "  file INTEGER NOT NULL REFERENCES files, origin BLOB NOT NULL, code INTEGER NOT NULL, line INTEGER NOT NULL,"
    "  message TEXT NOT NULL, UNIQUE (file, origin, code, line, message)) STRICT;"
    "INSERT INTO file_findings SELECT file, x'', code, line, message FROM file_findings_2;"
    "DROP TABLE file_findings_2;";

/* Step i leads from version i to i + 1. Steps are never changed once released, only added. */
static const char *const steps[] = {version_1, version_2, version_3};

_Static_assert(sizeof steps / sizeof *steps == OPA_STORE_VERSION, "a step for each version");

int opa_schema_version(opa_db *db, int64_t *out)
{
    return opa_db_integer(db, out, "PRAGMA user_version");
}

static int step(opa_db *db, int64_t from)
{
    char done[64];
    snprintf(done, sizeof done, "PRAGMA user_version = %d; COMMIT", (int)from + 1);
    int status = opa_db_exec(db, "BEGIN EXCLUSIVE");
    int64_t now = 0;
    /* Another process may have taken this step while this one waited. */
    if (status == OPA_OK)
        status = opa_schema_version(db, &now);
    if (status == OPA_OK && now != from) {
        opa_db_rollback(db);
        return OPA_OK;
    }
    if (status == OPA_OK)
        status = opa_db_exec(db, steps[from]);
    if (status == OPA_OK)
        status = opa_db_exec(db, done);
    if (status != OPA_OK)
        opa_db_rollback(db);
    return status;
}

int opa_schema_migrate(opa_db *db)
{
    for (;;) {
        int64_t version;
        int status = opa_schema_version(db, &version);
        if (status != OPA_OK || version == OPA_STORE_VERSION)
            return status;
        if (version > OPA_STORE_VERSION || version < 0)
            return opa_fail(db->ctx, OPA_EVERSION,
                            "%s: the store has schema version %lld, this program knows up to %d: use a newer opapairs",
                            db->path, (long long)version, OPA_STORE_VERSION);
        if (db->read_only)
            return opa_fail(db->ctx, OPA_EIO,
                            "%s: the store has the older schema version %lld and cannot be written: copy it to where "
                            "it can",
                            db->path, (long long)version);
        if ((status = step(db, version)) != OPA_OK)
            return status;
    }
}
