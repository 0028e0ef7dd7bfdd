/* SPDX-License-Identifier: Apache-2.0 */
/** @file report.h
 *  The expert's feedback on one response: sentences with the copied text, a score, an error type and the rewriting
 *  (OPA-DPO, section 3.2 and the released prompt file; field names of the released rollouts).
 */
#ifndef OPAPAIRS_REPORT_H
#define OPAPAIRS_REPORT_H

#include <opapairs/finding.h>

OPA_BEGIN_DECLS

typedef enum opa_error_type {
    OPA_ERROR_TYPE_NONE = 0, /**< not said, or unknown */
    OPA_ERROR_TYPE_CORRECT,
    OPA_ERROR_TYPE_IMAGE,    /**< image_recognition_error */
    OPA_ERROR_TYPE_LANGUAGE, /**< language_comprehension_error */
} opa_error_type;

/** The canonical spelling ("image_recognition_error"), or NULL for OPA_ERROR_TYPE_NONE. */
OPA_API const char *opa_error_type_name(opa_error_type type);

typedef enum opa_report_state {
    OPA_REPORT_NONE = 0,   /**< the sample's format carries no report */
    OPA_REPORT_READ,       /**< read, perhaps with repairs of form */
    OPA_REPORT_CUT,        /**< it ends in the middle; the sentences are the whole ones before the cut */
    OPA_REPORT_MISSING,    /**< "", null or absent where the format has a place for it */
    OPA_REPORT_REFUSED,    /**< the expert said that it would not */
    OPA_REPORT_UNREADABLE, /**< something, but no sentence in it */
} opa_report_state;

/** One entry of the report. Texts are borrowed from the report; data NULL where the field is absent. */
typedef struct opa_sentence {
    bool added;     /**< the entry "Added": text that the response lacked */
    int64_t number; /**< its number as reported ("0" is 0); -1 when it has none */
    opa_text key;   /**< its key as reported */
    opa_text copied;
    opa_text rewritten;
    int score; /**< 1..4; 0 when absent or outside */
    opa_error_type error_type;
    opa_text error_type_raw; /**< as written */
    opa_text *objects;       /**< "dog -> cat" ... */
    size_t object_count;
    opa_text reason;
    bool released_score_lost; /**< the released mapping would not know this score's spelling and weigh it 1.0 */
    bool released_type_lost;  /**< the same for the error type */
} opa_sentence;

/** A parsed report; {0} is an empty one. */
typedef struct opa_report {
    opa_report_state state;
    opa_text image_description;
    opa_sentence *sentences; /**< in document order, Added where it stood */
    size_t count;
    bool keys_ascending; /**< numbers are in ascending order */
    void *memory;        /**< owns all of the above */
} opa_report;

/** Parse the value that a record has in the report's place. @p json is that value as JSON, as it stands in the record:
 * an object, or a string that holds one perhaps inside fences or prose, with trailing commas, single quotes, or cut
 * off; data NULL means that the key is absent. Every repair is a finding (fields are named relative to the report:
 * "3.score"); nothing that can be read is dropped. Returns OPA_OK whatever the state, or OPA_ENOMEM. */
OPA_API int opa_report_parse(opa_context *ctx, opa_report *out, opa_text json, opa_findings *findings);
OPA_API void opa_report_release(opa_report *report);

OPA_END_DECLS
#endif
