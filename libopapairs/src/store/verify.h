/* SPDX-License-Identifier: Apache-2.0 */
/** @file verify.h
 *  Is a store sound? (opa_store_verify()) What its parts share: one connection with a read transaction, a walk over the
 * rows that passes damaged pages, and the way of a finding to the caller. A part returns OPA_OK when it went on to its
 * end, whatever it found.
 */
#ifndef OPA_STORE_VERIFY_H
#define OPA_STORE_VERIFY_H

#include "store/keys.h"
#include "store/store.h"

typedef struct opa_verification {
    opa_context *ctx;
    opa_db db;
    const opa_store_verify_options *options;
    opa_finding_fn fn; /**< may be NULL */
    void *user;
    opa_store_verify_report *report;
    int64_t done, total; /**< rows, for progress */
    opa_keys altered;    /**< raws whose bytes are not theirs: what they say is not held against a sample */
} opa_verification;

/** Where something is wrong. */
typedef struct opa_defect {
    int code;
    opa_text file; /**< data NULL: unknown */
    int64_t record, line;
    opa_text id; /**< data NULL: none */
    const char *field;
} opa_defect;

/** Tell the caller. OPA_ECANCELLED, OPA_ENOMEM. */
int opa_verify_note(opa_verification *v, const opa_defect *defect, const char *format, ...) OPA_PRINTF(3, 4);
/** A statement failed. Where the file is damaged that is a finding ("@p what ..."), and OPA_OK: go on with the rest. */
int opa_verify_pass(opa_verification *v, int status, const char *what);
/** Call @p fn for the row of every key. @p sql selects by one key, @p what names the rows ("images"). */
typedef int (*opa_verify_row_fn)(opa_verification *v, int64_t key, sqlite3_stmt *row);
int opa_verify_walk(opa_verification *v, const char *sql, const char *what, opa_verify_row_fn fn);

/** verify_bytes.c: images and records against their hashes, names of files against their order. */
int opa_verify_bytes(opa_verification *v);
/** verify_samples.c: each sample against the records that it came from, and its log. */
int opa_verify_samples(opa_verification *v);

#endif
