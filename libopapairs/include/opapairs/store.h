/* SPDX-License-Identifier: Apache-2.0 */
/** @file store.h
 *  The store: one SQLite file with samples, images (once each, by their SHA-256), the bytes of every imported record,
 * and an append-only log of edits. Import is a transaction per batch and idempotent. Others may read while one writes;
 * a second writer waits, then gets OPA_EBUSY. A kill at any point loses nothing that was reported done.
 */
#ifndef OPAPAIRS_STORE_H
#define OPAPAIRS_STORE_H

#include <opapairs/json.h>
#include <opapairs/sample.h>

OPA_BEGIN_DECLS

typedef struct opa_store opa_store;

/** "OPAP" in the header of the SQLite file (application_id): tells a store from any other database. */
#define OPA_STORE_APPLICATION_ID 0x4F504150

/** How far a long operation is. */
typedef struct opa_progress {
    const char *stage;          /**< "import", "pack", "verify", "check", "doctor" */
    int64_t items;              /**< records or samples done */
    int64_t items_total;        /**< -1 unknown */
    int64_t bytes, bytes_total; /**< -1 unknown */
} opa_progress;
/** Called now and then from the calling thread; a value other than 0 stops the operation (OPA_ECANCELLED). */
typedef int (*opa_progress_fn)(void *user, const opa_progress *progress);
/** Takes a finding (borrowed); a value other than 0 stops. */
typedef int (*opa_finding_fn)(void *user, const opa_finding *finding);

/** Make an empty store. OPA_ECREATE: the path exists and is not an empty store, or cannot be made. An existing empty
 * store is left as it is. */
OPA_API int opa_store_create(opa_context *ctx, const char *path);
/** Open a store. OPA_ENOENT; OPA_EIO: it cannot be read; OPA_EDATA: not a store; OPA_EVERSION: from a newer version;
 * OPA_EBUSY. */
OPA_API int opa_store_open(opa_context *ctx, opa_store **out, const char *path);
OPA_API void opa_store_free(opa_store *store);
/** Is the file at @p path a store? Reads its header only. */
OPA_API bool opa_store_probe(const char *path);

/* ---- import ---- */

/** A format in. The table of formats is in store/formats/. */
typedef struct opa_format_info {
    const char *name;        /**< "rollout", "samples", "outputs", "edits" */
    const char *description; /**< one line */
} opa_format_info;
OPA_API const opa_format_info *opa_formats(size_t *count);

typedef struct opa_import_options {
    const char *format; /**< default NULL: recognised from the content of each file */
    const char *images; /**< default NULL: relative image paths are looked for beside the file */
    const char *by;     /**< default NULL ("import"): who, where a record does not say */
    bool dry_run;       /**< default false: true reads and reports all, and writes nothing */
    int threads;        /**< default 0: as many as there are processors; the result does not depend on it */
    opa_progress_fn progress;
    opa_finding_fn finding; /**< called for the findings of new records (their form, their image) and of those that were
                                quarantined, merged or revised, as they come, in order; of a file as a whole: record -1 */
    void *user;             /**< passed to both */
} opa_import_options;
#define OPA_IMPORT_OPTIONS_INIT                                                                                        \
    {                                                                                                                  \
        0                                                                                                              \
    }

typedef struct opa_import_report {
    int64_t files, files_failed; /**< failed: no record of it could be read */
    int64_t records;             /**< seen */
    int64_t samples_added;
    int64_t attached;  /**< an answer or edit that went to a known sample */
    int64_t revisions; /**< known samples that got another report or revised text */
    int64_t known;     /**< records that were there already */
    int64_t merged;    /**< byte-equal copies */
    int64_t quarantined;
    int64_t images_added;
    int64_t bytes;
    int64_t certificates[OPA_BROKEN + 1]; /**< of the samples added, by opa_certificate */
    int worst_status; /**< of the files that failed: OPA_ENOENT, OPA_EDATA or OPA_EIO; 0 when none did */
} opa_import_report;

/** Import files in the given order. A bad record is quarantined with its bytes; the good ones beside it go in. Of a known
 * sample the last record counts, unless it stood at that place of a file of that name before. An image that cannot be
 * read says nothing of a known sample (OPA_F_IMAGE_PASSED_OVER); a sound one takes the place of none or of a broken one.
 * When all of a file was read, findings on it and on its quarantined records that no longer hold are closed: it was
 * mended; only the file at that path closes them. A file
 * that cannot be read at all does not stop the others (see files_failed). Returns OPA_OK when all files were gone
 * through; OPA_EIO, OPA_EBUSY, OPA_ENOMEM, OPA_ECANCELLED when not: then the store holds whole batches, and importing
 * again goes on. */
OPA_API int opa_store_import(opa_store *store, const char *const *paths, size_t count,
                             const opa_import_options *options, opa_import_report *out);

/* ---- reading ---- */

/** Walks over samples. */
typedef struct opa_cursor opa_cursor;
enum opa_order {
    OPA_ORDER_SOURCE, /**< file (numbers in names compared as numbers), then record */
    OPA_ORDER_KEY,    /**< opa_sample_key(), by bytes */
};
/** All samples, a consistent view of the moment: what is written meanwhile is not seen. */
OPA_API int opa_store_samples(opa_store *store, opa_cursor **out, enum opa_order order);
/** OPA_OK and *out (borrowed until the next call), or OPA_END. */
OPA_API int opa_cursor_next(opa_cursor *cursor, opa_sample *out);
OPA_API void opa_cursor_free(opa_cursor *cursor);
/** Takes a sample (borrowed); a value other than 0 stops. */
typedef int (*opa_sample_fn)(void *user, const opa_sample *sample);
/** What opa_checker_note() asks of all samples, and no more: id, image_id, has_image and image_sha256, generated. Reads
 * a tenth of what a cursor reads, whatever the size of reports and images. */
OPA_API int opa_store_outlines(opa_store *store, enum opa_order order, opa_sample_fn fn, void *user);
/** One sample by id, borrowed until the store's next call. OPA_ENOENT. */
OPA_API int opa_store_sample(opa_store *store, opa_sample *out, opa_text id);
/** Number of samples and of distinct images. */
OPA_API int opa_store_counts(opa_store *store, int64_t *samples, int64_t *images);
/** The original bytes of an image. Borrowed until the next call of this function or opa_store_free(). OPA_ENOENT. */
OPA_API int opa_store_image(opa_store *store, opa_text *out, const uint8_t sha256[OPA_SHA256_SIZE]);
/** The findings that import recorded and that hold: the form of each file and record, its image, quarantine, merging,
 * revisions. Those of a sample carry its id. @p id limits to one sample (data NULL: all, in order of file and record). */
OPA_API int opa_store_findings(opa_store *store, opa_text id, opa_finding_fn fn, void *user);

/** Where a report stands. */
typedef struct opa_report_place {
    char file[256];    /**< base name */
    int64_t record;    /**< 0-based place in it */
    int64_t line;      /**< 1-based line of the report's beginning */
    const char *field; /**< "AI_json_report" or "feedback" */
} opa_report_place;
/** The record that the report in force is from: the sample's source, else the first other one that has it to the byte.
 * OPA_END: none has, a person set it. OPA_ENOENT: no such sample. */
OPA_API int opa_store_report_place(opa_store *store, opa_report_place *out, opa_text id, opa_text report);

/** An imported record. */
typedef struct opa_record {
    opa_text file; /**< base name */
    int64_t record;
    int64_t line;
    opa_text id;    /**< of the sample that it went to; data NULL: quarantined */
    opa_text bytes; /**< exactly as in the file */
} opa_record;
typedef int (*opa_record_fn)(void *user, const opa_record *record);
/** Every imported record with its bytes, by file and record. @p id limits to one sample's. */
OPA_API int opa_store_records(opa_store *store, opa_text id, opa_record_fn fn, void *user);

/* ---- edits: append-only, with who, what and when ---- */

typedef enum opa_edit_what {
    OPA_EDIT_IMPORT,
    OPA_EDIT_REVISED,
    OPA_EDIT_REPORT,
    OPA_EDIT_EXCLUDE,
    OPA_EDIT_INCLUDE,
    OPA_EDIT_UNDO,
    OPA_EDIT_ACCEPT, /**< a person looked at the sample as it is and accepts it; no text changes */
} opa_edit_what;
OPA_API const char *opa_edit_what_name(opa_edit_what what);

typedef struct opa_edit {
    int64_t sequence; /**< ascending over the whole store */
    opa_text id;
    opa_edit_what what;
    opa_text by;                   /**< data NULL: unknown */
    opa_text at;                   /**< RFC 3339, UTC */
    opa_text why;                  /**< as given, or the file of an import; data NULL: none */
    int64_t undoes;                /**< sequence of the edit that an undo takes back, else 0 */
    opa_text revised;              /**< the revised text after this edit, as stored */
    bool by_hand;                  /**< after this edit it is in force whatever the report gives */
    opa_text ground_truth;         /**< the ground truth after this edit; only an import changes it */
    opa_text report;               /**< the report (JSON) after this edit */
    bool excluded;                 /**< after this edit */
    const struct opa_edit *before; /**< the sample's entry before this one (its own before is NULL); NULL: it is the
                                        first */
} opa_edit;
typedef int (*opa_edit_fn)(void *user, const opa_edit *edit);

/** Set the revised text by hand. OPA_ENOENT: no such sample. @p why and @p by may be NULL, here and below. A change
 * that leaves the sample as it is adds nothing to the log. */
OPA_API int opa_store_set_revised(opa_store *store, opa_text id, opa_text revised, const char *why, const char *by);
/** Set another report (JSON bytes; OPA_EDATA when no sentence can be read from it, findings say why). The revised text
 * is again what the report gives. */
OPA_API int opa_store_set_report(opa_store *store, opa_text id, opa_text report, const char *why, const char *by,
                                 opa_findings *findings);
OPA_API int opa_store_set_excluded(opa_store *store, opa_text id, bool excluded, const char *why, const char *by);
/** The same for many samples, all of them or none, waiting for the disk once. Those that are so already get no entry.
 * OPA_ENOENT names the first id that is unknown. */
OPA_API int opa_store_set_all_excluded(opa_store *store, const opa_text *ids, size_t count, bool excluded,
                                       const char *why, const char *by);
/** Accept a sample as it is; a later edit or import decides anew. OPA_ENOENT; OPA_EINVAL: it is excluded, which has to be
 * taken back first. */
OPA_API int opa_store_accept(opa_store *store, opa_text id, const char *why, const char *by);
/** Take the newest edit of a sample back that is not taken back yet (its import is none). An undo is no edit: a second
 * one takes the edit before back. OPA_ENOENT: there is none. */
OPA_API int opa_store_undo(opa_store *store, opa_text id, const char *by);
/** Look, then change: the next call of opa_store_set_revised(), _set_report(), _set_excluded(), _accept() or _undo() is
 * refused with OPA_ECHANGED, and changes nothing, unless @p sequence (opa_sample.sequence, as the caller saw it) is the
 * newest entry of its sample's log in that very transaction. Whatever that call returns, those behind it are not held
 * against it. 0: whatever there is, as without this call. */
OPA_API void opa_store_expect(opa_store *store, int64_t sequence);
/** From now on opa_store_set_revised(), _set_report(), _set_excluded(), _accept() and _undo() only try: they answer as
 * ever, opa_store_sample() and opa_store_log() of this handle see what they would have done, and opa_store_free() takes
 * all of it back. Others cannot write until then. OPA_EBUSY, OPA_EIO. */
OPA_API int opa_store_rehearse(opa_store *store);

/** The log of one sample, or of all (data NULL), oldest first. */
OPA_API int opa_store_log(opa_store *store, opa_text id, opa_edit_fn fn, void *user);

/* ---- review: how far people are; see opa_review ---- */

/** Note that somebody looked at a sample as it is now. No entry of the log, and does not wait for the disk: a power cut
 * may cost the mark. The first one counts; a sample that is decided needs none. Does not wait for another writer either
 * (OPA_EBUSY). OPA_ENOENT; OPA_EIO: the store cannot be written. */
OPA_API int opa_store_mark_seen(opa_store *store, opa_text id, const char *by);

/** How far the review of one sample is, without its texts. */
typedef struct opa_reviewed {
    opa_text id;
    opa_review review;
    int64_t sequence; /**< of the entry of the log that decided; 0: undecided */
    opa_text by;      /**< who decided, or looked at it first; data NULL: nobody, or unknown */
    opa_text at;      /**< when; data NULL: not yet */
} opa_reviewed;
typedef int (*opa_reviewed_fn)(void *user, const opa_reviewed *reviewed);
/** Every sample, in no particular order; a consistent view of the moment. */
OPA_API int opa_store_reviews(opa_store *store, opa_reviewed_fn fn, void *user);
/** How many samples there are of each review, by opa_review. */
OPA_API int opa_store_review_counts(opa_store *store, int64_t out[OPA_REVIEW_EXCLUDED + 1]);

/* ---- is it sound? ---- */

typedef struct opa_store_verify_options {
    opa_progress_fn progress; /**< default NULL */
    void *user;               /**< passed to it */
} opa_store_verify_options;
#define OPA_STORE_VERIFY_OPTIONS_INIT                                                                                  \
    {                                                                                                                  \
        0                                                                                                              \
    }

typedef struct opa_store_verify_report {
    int64_t version;                  /**< of the tables in the file (user_version); 0 unreadable */
    int64_t samples, images, records; /**< looked at; records: each place in a file */
    int64_t bytes;                    /**< of images and records, hashed */
    int64_t findings;
} opa_store_verify_report;

/** Verify a store: SQLite's own checks of its pages, indexes and references; the tables against those that this version
 * makes; the bytes of every image and of every record against their SHA-256; each sample against the records that it
 * came from; each log from its import to the entry in force. What a person typed (a revised text, a report, who, when,
 * why) has no second copy: there only what the log repeats is compared.
 *
 * The file is read, not changed, but for what any command does to a store that a kill left open, or that an older
 * version wrote and that is sound. A damaged one need not be fit to open. Each defect is one finding (OPA_F_STORE_*)
 * with file, record and id where they are known. Returns OPA_OK when all that can be read was looked at, whatever was
 * found; else as opa_store_open(). @p fn, @p options and @p out may be NULL. */
OPA_API int opa_store_verify(opa_context *ctx, const char *path, const opa_store_verify_options *options,
                             opa_finding_fn fn, void *user, opa_store_verify_report *out);

OPA_END_DECLS
#endif
