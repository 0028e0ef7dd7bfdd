/* SPDX-License-Identifier: Apache-2.0 */
/** @file fields.h
 *  What the words of a report mean: its keys, scores and error types, in the spellings that experts use.
 *  Canonical are the released rollouts' own ("copied_content", 1..4, "image_recognition_error").
 */
#ifndef OPA_FEEDBACK_FIELDS_H
#define OPA_FEEDBACK_FIELDS_H

#include <opapairs/report.h>

typedef enum opa_field {
    OPA_FIELD_NONE = 0,
    OPA_FIELD_IMAGE_DESCRIPTION,
    OPA_FIELD_ADDED,
    OPA_FIELD_COPIED,
    OPA_FIELD_SCORE,
    OPA_FIELD_ERROR_TYPE,
    OPA_FIELD_OBJECT,
    OPA_FIELD_REWRITTEN,
    OPA_FIELD_REASON,
    OPA_FIELD_NUMBER,    /**< a sentence's own number, in a list */
    OPA_FIELD_SENTENCES, /**< a wrapper around the sentences */
    OPA_FIELD_COUNT,
} opa_field;

/** The canonical spelling, e.g. "copied_content"; NULL where there is none. */
const char *opa_field_name(opa_field field);
/** The field that a key means; case, spaces, underscores and hyphens do not matter. *canonical (may be NULL) tells
 * whether it is spelled as in the released rollouts. */
opa_field opa_field_of(opa_text key, bool *canonical);

/** The sentence number that a key means: "3", "03", "Sentence 3", "#3". A number that does not fit or is below 0 is -1.
 *  false: no number. */
bool opa_key_number(opa_text key, int64_t *out, bool *canonical);

typedef enum opa_score_kind { OPA_SCORE_NONE, OPA_SCORE_READ, OPA_SCORE_OUTSIDE } opa_score_kind;
/** The score in a text: "4", "4.0", "4/4", "score: 3", "2 (wrong object)". NONE: the text is blank. OUTSIDE: no whole
 * number of 1..4, or more than one number. */
opa_score_kind opa_score_of_text(opa_text text, int *out);

/** The error type that a text means; OPA_ERROR_TYPE_NONE for an unknown one. Compare with opa_error_type_name() for its
 * spelling. */
opa_error_type opa_error_type_of_text(opa_text text);

#endif
