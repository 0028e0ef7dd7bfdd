/* SPDX-License-Identifier: Apache-2.0 */
/** @file writer.h
 *  Incoming records into the tables: what is new, what is known, what contradicts. Runs in the caller's transaction, in
 * the order of the files, so that the result does not depend on threads.
 */
#ifndef OPA_STORE_WRITER_H
#define OPA_STORE_WRITER_H

#include "store/batch.h"
#include "store/keys.h"
#include "store/store.h"

/** What became of a raw (table raws). Of records that say the same, the least outcome is that of the first one. */
enum opa_outcome {
    OPA_OUTCOME_MADE = 0,     /**< the sample */
    OPA_OUTCOME_REVISION = 1, /**< another state of a known sample */
    OPA_OUTCOME_ATTACHED = 2, /**< an answer, or an image that was missing, to a known sample */
    OPA_OUTCOME_EDIT = 3,     /**< a correction of a known sample */
    OPA_OUTCOME_SAME = 4,     /**< nothing new */
    OPA_OUTCOME_QUARANTINED = 5,
};

typedef struct opa_writer {
    opa_store *store;
    opa_db *db;
    const opa_import_options *options;
    opa_import_report report;                       /**< with what is not committed yet */
    char at[OPA_TIME_SIZE];                         /**< of the whole import */
    int64_t file, image, raw, record, sample, edit; /**< the last keys given out; only one writes at a time */
    opa_buffer memory;                              /**< the state of a sample */
    opa_keys waiting;                               /**< raws of this import, see waiting.h */
} opa_writer;

int opa_writer_init(opa_writer *out, opa_store *store, const opa_import_options *options);
void opa_writer_release(opa_writer *w);
/** One record. */
int opa_writer_item(opa_writer *w, opa_source *source, opa_item *item);
struct opa_verdict;
/** Out of quarantine: the store took what it had refused. */
int opa_writer_accept(opa_writer *w, const opa_item *item, const struct opa_verdict *verdict, int64_t raw);
/** After the last record of a file: what is to be said of the file as a whole, and whether it failed. */
int opa_writer_file(opa_writer *w, opa_source *source);

#endif
