/* SPDX-License-Identifier: Apache-2.0 */
/** @file store.h
 *  The handle behind opapairs/store.h.
 */
#ifndef OPA_STORE_STORE_H
#define OPA_STORE_STORE_H

#include <opapairs/store.h>

#include "store/db.h"
#include "store/lock.h"
#include "store/review.h"

struct opa_store {
    opa_context *ctx;
    opa_db db;
    int wait_ms;       /* how long a writer waits for another one */
    opa_buffer sample; /* the texts of opa_store_sample() */
    opa_buffer image;  /* the bytes of opa_store_image() */
    bool rehearsing;   /* edits are not committed */
    int64_t expected;  /* the head that the next change wants to find; 0: any */
    opa_lock rehearsal;
};

/** Is the file at @p path a store, by its header? Fails as opa_store_open(). */
int opa_store_recognise(opa_context *ctx, const char *path);
/** Take the writer's lock; refuses a store that cannot be written. */
int opa_store_lock(opa_store *store, opa_lock *out, const char *doing);
/** A second connection to the same file with an open read transaction: what is written meanwhile is not seen there. */
int opa_store_snapshot(opa_store *store, opa_db *out);

/** Give the store a write-ahead log, if it has none and nobody is reading: without it the store is as sound, but
 * readers and a writer wait for each other. With the writer's lock. */
void opa_store_use_log(opa_store *store);
/** The row that @p sql (static, with one parameter: a sample's id) gives; reset *out when it is read. OPA_ENOENT: there is
 * no such sample. */
int opa_sample_row(opa_db *db, sqlite3_stmt **out, const char *sql, opa_text id);
/** opa_store_image() into a buffer of the caller's, which is cleared first. */
int opa_store_image_into(opa_store *store, opa_buffer *out, const uint8_t sha256[OPA_SHA256_SIZE]);

/** What opa_sample_read() reads: a row of samples, its head, its image, its source and its review. Append "WHERE ..." */
#define OPA_SAMPLE_SELECT                                                                                              \
    "SELECT s.id, f.name, k.record, w.image_name, s.image_expected, i.sha256, i.format, i.width, i.height, s.prompt, " \
    "s.generated,"                                                                                                     \
    " e.revised, e.by_hand, e.ground_truth, s.report_expected, e.report, e.excluded, k.line, "                         \
    "e.sequence, w.format,"                                                                                            \
    " (SELECT count(*) FROM raws r WHERE r.sample = s.key) > 1 OR"                                                     \
    " EXISTS (SELECT 1 FROM edits y WHERE y.sample = s.key AND y.sequence <> e.sequence AND y.report IS NOT "          \
    "e.report)," OPA_REVIEW_COLUMNS                                                                                    \
    " FROM samples s JOIN edits e ON e.sequence = s.head JOIN records k ON k.key = s.source JOIN files f ON f.key = "  \
    "k.file"                                                                                                           \
    " JOIN raws w ON w.key = k.raw LEFT JOIN images i ON i.key = s.image" OPA_REVIEW_JOIN
/** The sample in the current row; texts borrowed from the statement. */
void opa_sample_read(opa_sample *out, sqlite3_stmt *row);

#endif
