/* SPDX-License-Identifier: Apache-2.0 */
/** @file sample.h
 *  A sample: image, prompt and responses. The same struct whether it comes from a store or from a pack; everything that
 * is derived from it (report, alignment, findings, pairs) is computed by pure functions over it.
 */
#ifndef OPAPAIRS_SAMPLE_H
#define OPAPAIRS_SAMPLE_H

#include <opapairs/align.h>
#include <opapairs/image.h>

OPA_BEGIN_DECLS

#define OPA_SHA256_SIZE 32

/** How far a person's review of a sample is. Stores only. An excluded sample is excluded; else the newest import, change
 * or acceptance in the log that is not taken back decides: a new revision by import is to be looked at again. */
typedef enum opa_review {
    OPA_REVIEW_NONE = 0, /**< nobody looked at it as it is now */
    OPA_REVIEW_SEEN,     /**< looked at, not decided */
    OPA_REVIEW_ACCEPTED,
    OPA_REVIEW_CHANGED, /**< revised text or report set by hand, or by a file of edits */
    OPA_REVIEW_EXCLUDED
} opa_review;
/** "unseen", "seen", "accepted", "changed", "excluded". */
OPA_API const char *opa_review_name(opa_review review);

/** Texts are borrowed from where the sample came from (valid until the next one is read); data NULL: absent. */
typedef struct opa_sample {
    opa_text id;
    opa_text source_file;  /**< base name of the file that it came from */
    int64_t source_record; /**< 0-based place in that file */
    int64_t source_line;   /**< 1-based line at which the record begins; 0 unknown (packs do not keep it) */
    opa_text image_id;     /**< the name that the record gave its image (a path, as written) */
    bool image_expected;   /**< its format has a place for an image (a rollout always has) */
    bool has_image;
    opa_image_format image_format;
    uint32_t image_width, image_height;
    uint8_t image_sha256[OPA_SHA256_SIZE];
    opa_text prompt;    /**< as imported, with its <image> where it has one */
    opa_text generated; /**< y_Gen, the model's own response */
    opa_text
        revised; /**< y_Rev as stored (AI_pseudo_response, "revised"); see opa_alignment.revised for the one in force */
    bool revised_by_hand;     /**< set by an edit: it is in force whatever the report gives */
    opa_text ground_truth;    /**< y_GT */
    bool report_expected;     /**< its format has a place for a report */
    opa_text report;          /**< the report as JSON, as imported */
    const char *report_field; /**< what its record calls the report; NULL: AI_json_report, as the released one */
    bool report_moved;        /**< another record than the source, or a person, may have given the report:
                                   opa_store_report_place() */
    bool excluded;            /**< by a person: stays in the store, leaves the packs */
    opa_review review;
    opa_text reviewed_by; /**< who decided, or looked at it first; data NULL: nobody, or unknown */
    opa_text reviewed_at; /**< when; data NULL: not yet */
    int64_t sequence; /**< of the newest entry of its log (opa_edit): another one means that it changed; 0 in a pack */
} opa_sample;

/** What follows from a sample alone; {0} is an empty one. */
typedef struct opa_assessment {
    opa_report report;
    opa_alignment alignment;
} opa_assessment;

/** Parse the report and align. @p sample must outlive *out. Findings go to @p findings (may be NULL), with fields in
 * the record's words ("AI_json_report.3.score", "feedback.3.score"). NULL @p options: the defaults, with keep_revised where the
 * sample's revised text was set by hand. Returns as opa_align(). */
OPA_API int opa_assess(opa_context *ctx, opa_assessment *out, const opa_sample *sample,
                       const opa_align_options *options, opa_findings *findings);
OPA_API void opa_assessment_release(opa_assessment *assessment);

/** Name of a sample in a pack: the id where it is 1 to 80 of [A-Za-z0-9_-], else its first 60 bytes with every other
 * byte as
 *  '_', '-' and the first 12 hexadecimal digits of SHA-256(id). NUL-terminated into @p out. */
#define OPA_KEY_SIZE 81
OPA_API void opa_sample_key(char out[OPA_KEY_SIZE], opa_text id);

OPA_END_DECLS
#endif
