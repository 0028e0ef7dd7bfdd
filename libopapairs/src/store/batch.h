/* SPDX-License-Identifier: Apache-2.0 */
/** @file batch.h
 *  Records on their way from a file into the store: some of one file, read together on one thread.
 */
#ifndef OPA_STORE_BATCH_H
#define OPA_STORE_BATCH_H

#include "store/formats/formats.h"
#include "store/keys.h"

/** A file that is imported. */
typedef struct opa_source {
    const char *path;
    const char *name;         /**< base name */
    char *images;             /**< folder of its relative image paths */
    const opa_format *format; /**< NULL until known */
    opa_findings findings;    /**< on the file as a whole */
    int status;               /**< OPA_OK, or why it failed */
    char *message;            /**< the same in words */
    int64_t key;              /**< of its row, 0: none yet */
    opa_buffer sort_key;
    bool has_origin;                 /**< it is a file with a path; false: standard input, a pipe */
    uint8_t origin[OPA_SHA256_SIZE]; /**< SHA-256 of its real path */
    opa_keys quarantined;            /**< places (table records) of this import of it that are in quarantine */
    int64_t readable;                /**< records that are JSON objects */
} opa_source;

/** One record. */
typedef struct opa_item {
    opa_span at; /**< in the batch's raw bytes */
    int64_t index, line;
    bool truncated, oversize;
    bool readable;                    /**< it is a JSON object */
    int status;                       /**< OPA_OK: @c in is filled; OPA_ERECORD: quarantine; else import cannot go on */
    uint8_t sha256[OPA_SHA256_SIZE];  /**< of the raw bytes, as the table raws has it */
    uint8_t content[OPA_SHA256_SIZE]; /**< of what it says beyond image, prompt and response */
    opa_certificate certificate;
    opa_incoming in;
} opa_item;

typedef struct opa_batch {
    struct opa_batch *next;
    opa_source *source;
    opa_buffer raw; /**< the records' bytes, one after the other */
    char *room;     /**< decoded images */
    size_t room_size;
    opa_item *items;
    size_t count, capacity;
    int64_t bytes; /**< of the file, with what stands between records */
    bool last;     /**< of its source */
    bool done;     /**< read */
} opa_batch;

/** What a thread needs to read batches. */
typedef struct opa_batch_reader {
    opa_context *ctx;
    opa_json_writer *writer;
} opa_batch_reader;

int opa_batch_reader_init(opa_batch_reader *out);
void opa_batch_reader_release(opa_batch_reader *reader);

/** Address of a record's bytes (table raws): SHA-256 of them, where an image was cut out of the rest (@p image is its
 * hash; NULL: none was) then of the place of the cut as eight bytes and of that hash. A cut image stands for its base64
 * exactly, so equal addresses mean equal bytes. */
void opa_raw_address(uint8_t out[OPA_SHA256_SIZE], opa_text head, opa_text tail, const uint8_t *image);
/** Of a record too large to keep: it is itself by its place. */
void opa_raw_address_lost(uint8_t out[OPA_SHA256_SIZE], const char *file, int64_t index);

/** The content of a record that says nothing beyond image, prompt and response. */
void opa_content_of_nothing(uint8_t out[OPA_SHA256_SIZE]);

/** Append a record; NULL: out of memory. */
opa_item *opa_batch_add(opa_batch *batch, const opa_json_record *record);
/** Read all records. Each item has its status afterwards. */
void opa_batch_read(opa_batch_reader *reader, opa_batch *batch);
/** Empty it for the next use; memory is kept unless it is much. */
void opa_batch_clear(opa_batch *batch);
void opa_batch_free(opa_batch *batch);

#endif
