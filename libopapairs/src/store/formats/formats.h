/* SPDX-License-Identifier: Apache-2.0 */
/** @file formats.h
 *  The formats that can be imported: one table, one file each. A format knows its records by their keys and turns one
 * record into an incoming sample or edit. It sees only the record (and the image file that it names), never the store,
 * so records are read on any thread.
 */
#ifndef OPA_STORE_FORMATS_H
#define OPA_STORE_FORMATS_H

#include <opapairs/store.h>

#include "base/buffer.h"
#include "store/naming.h"

enum opa_incoming_kind {
    OPA_INCOMING_SAMPLE, /**< makes a sample; says the same or more of a known one */
    OPA_INCOMING_ANSWER, /**< the same; also attaches to a known sample */
    OPA_INCOMING_EDIT,   /**< changes a known sample */
};

/** One record, read. Texts are borrowed from the record's bytes, @c doc or the other members. {0} is an empty one. */
typedef struct opa_incoming {
    opa_json *doc;
    opa_text bytes; /**< of the record, as it was parsed */
    enum opa_incoming_kind kind;
    opa_text id;
    opa_text image_name;
    bool image_expected, report_expected;
    opa_text prompt, generated, revised, ground_truth, report;
    bool revised_by_hand;
    opa_text by, at;
    char at_utc[OPA_TIME_SIZE];            /**< what at is */
    opa_text image;                        /**< the image's bytes; data NULL: none */
    bool image_linked;                     /**< they come from a file of their own */
    uint8_t image_sha256[OPA_SHA256_SIZE]; /**< of nothing when there is none */
    opa_image_format image_format;
    uint32_t image_width, image_height;
    opa_span cut;          /**< the image's canonical base64 in the record's bytes; empty: none */
    opa_findings findings; /**< line counts from the record's first line (1) */
    char made_id[OPA_ROLLOUT_ID_SIZE];
    opa_buffer made; /**< a text that the record implies (edits.c) */
    char *owned;     /**< an image that found no room in the batch */
} opa_incoming;

void opa_incoming_release(opa_incoming *in);

/** What a thread reads records with. */
typedef struct opa_reader {
    opa_context *ctx;
    const char *images; /**< folder of relative image paths */
    char *room;         /**< memory for decoded images */
    size_t room_left;
    const uint8_t *known_image; /**< default NULL; else the image is known by this hash, and left alone */
} opa_reader;

typedef struct opa_format {
    const char *name;
    /** Are these the keys of such a record? */
    bool (*recognise)(const struct cJSON *record);
    /** Read an object. OPA_ERECORD: the record is bad, its findings say why. */
    int (*read)(opa_reader *reader, opa_incoming *out, const struct cJSON *record);
} opa_format;

extern const opa_format opa_format_rollout, opa_format_samples, opa_format_outputs, opa_format_edits;

/** The format of that name, or NULL. */
const opa_format *opa_format_lookup(opa_text name);
/** The format that a record's keys belong to, or NULL. */
const opa_format *opa_format_recognise(const struct cJSON *record);
/** "rollout, samples, ..." */
void opa_format_names(opa_buffer *out);

#endif
