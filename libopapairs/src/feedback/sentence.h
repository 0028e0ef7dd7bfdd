/* SPDX-License-Identifier: Apache-2.0 */
/** @file sentence.h
 *  One sentence of a report: the members of its entry by what they mean, and its fields. What entries.c, which finds the
 *  entries, and sentence.c share: the reader of one report, and what it says.
 */
#ifndef OPA_FEEDBACK_SENTENCE_H
#define OPA_FEEDBACK_SENTENCE_H

#include <cjson/cJSON.h>
#include <opapairs/json.h>
#include <opapairs/report.h>

#include "base/arena.h"
#include "base/findings.h"
#include "feedback/fields.h"

/* Different spellings of keys that are remembered (to report each once). */
#define OPA_SPELLING_MAX 32

/* What is known while one report is read. */
typedef struct opa_report_reader {
    opa_report *out;
    opa_arena *arena;
    const opa_json *doc;
    opa_findings *findings;
    size_t capacity;                    /* of out->sentences */
    unsigned said[32];                  /* findings by code - OPA_F_REPORT_MISSING */
    opa_text spelled[OPA_SPELLING_MAX]; /* key spellings already reported, borrowed from doc */
    size_t spelled_count;
    bool failed; /* out of memory */
} opa_report_reader;

/* A sentence's name in findings: its key, and a field of it or NULL. */
typedef struct opa_report_label {
    char text[48];
} opa_report_label;

/** @p field may be NULL. */
opa_report_label opa_report_label_of(opa_text key, const char *field);

/* A text as it may stand in a message. */
typedef struct opa_report_quote {
    char text[64];
} opa_report_quote;

opa_report_quote opa_report_quote_of(opa_text text);

/** Is there room for one more finding of this code? Says "and more" once when there is not. */
bool opa_report_may_say(opa_report_reader *r, int code);

#define OPA_REPORT_SAY(r, code, field, ...)                                                                            \
    do {                                                                                                               \
        if (opa_report_may_say(r, code) && opa_findings_add((r)->findings, code, 0, field, __VA_ARGS__) < 0)           \
            (r)->failed = true;                                                                                        \
    } while (0)

/* The members of an entry by what they mean. Of several spellings that with a space wins, as in the release, then the
 * canonical one; of equals the last. */
typedef struct opa_report_members {
    const cJSON *value[OPA_FIELD_COUNT];
    int rank[OPA_FIELD_COUNT];
    opa_text key[OPA_FIELD_COUNT];
} opa_report_members;

opa_report_members opa_report_members_of(const opa_report_reader *r, const cJSON *object);
/** Has it any of the fields of a sentence? */
bool opa_report_is_sentence(const opa_report_members *m);

/** A copy in the report's memory; absent stays absent. */
opa_text opa_report_keep(opa_report_reader *r, opa_text text);
/** Say once a report that a key is spelled in another way than the release does. */
void opa_report_note_spelling(opa_report_reader *r, opa_text key, const char *canonical, const opa_report_label *where);
/** What a JSON value is, in words. */
const char *opa_report_kind_of(const opa_report_reader *r, const cJSON *value);
/** A text; absent for null. Other kinds are read as far as they can be, and said. @p field may be NULL. */
opa_text opa_report_read_text(opa_report_reader *r, const cJSON *value, opa_text key, const char *field);
/** A new sentence at the report's end; NULL: no memory. */
opa_sentence *opa_report_push(opa_report_reader *r);
/** Read an entry into a new sentence. */
void opa_report_read_sentence(opa_report_reader *r, const opa_report_members *m, opa_text key, int64_t number,
                              bool added);

#endif
