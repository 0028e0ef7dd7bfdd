/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two states of a sample. */
#ifndef OPAPAIRS_CLI_COMPARE_H
#define OPAPAIRS_CLI_COMPARE_H

#include "side.h"

/* The fields that may differ, as bits of a mask: the names are those of diff --jsonl. */
enum {
    FIELD_REVISED,
    FIELD_FEEDBACK,
    FIELD_GROUND_TRUTH,
    FIELD_IMAGE,
    FIELD_PROMPT,
    FIELD_GENERATED,
    FIELD_WEIGHTS,
    FIELD_EXCLUDED,
    FIELD_COUNT
};
extern const char *const FIELD_NAMES[FIELD_COUNT];

/* What people call it, as bits of a mask. */
enum {
    KIND_EDITED,
    KIND_SCORED,
    KIND_REPORT, /* another report, but no other score or error type */
    KIND_IMAGE,
    KIND_PROMPT,
    KIND_RESPONSE,
    KIND_TRUTH,
    KIND_WEIGHTS, /* though texts and report are the same */
    KIND_EXCLUDED,
    KIND_INCLUDED,
    KIND_COUNT
};
extern const char *const KIND_LABELS[KIND_COUNT];

/* How two states are compared. */
struct comparison {
    struct cli *cli;
    struct side *sides; /* NULL: states of one sample in its store */
    bool by_exclusion;  /* both are a store's */
    bool by_weights;    /* two packs of one recipe and tokenizer; else by the scores and error types that weights follow
                        from */
    opa_json_writer *scratch;
    bool rescored; /* of the samples compared last */
};
/* An exit code, or 0. */
int comparison_init(struct comparison *out, struct cli *cli, struct side *sides);
void comparison_release(struct comparison *c);

/* The fields that differ between what was read last on both sides. An exit code, or 0. */
int compare_samples(struct comparison *c, unsigned *fields, struct face faces[2]);
/* Can two samples not differ, by what is known before anything is parsed? */
bool certainly_equal(const struct comparison *c);
/* The kinds of the fields that compare_samples() just gave. */
unsigned compare_kinds(const struct comparison *c, unsigned fields, const struct face faces[2]);

/* ---- reports, sentence by sentence ---- */

/* What changed of one sentence. */
enum {
    SENTENCE_SCORE,
    SENTENCE_ERROR_TYPE,
    SENTENCE_OBJECTS,
    SENTENCE_COPIED,
    SENTENCE_REWRITTEN,
    SENTENCE_REASON,
    SENTENCE_FIELD_COUNT
};
extern const char *const SENTENCE_FIELD_NAMES[SENTENCE_FIELD_COUNT];

struct sentence_change {
    const opa_sentence *old, *new; /* NULL: there is none */
    int index;                     /* as inspect --jsonl counts; -1 for Added */
    unsigned fields;               /* of both; 0 where one is missing */
};

/* The changed sentences of two reports. Sentences are the same by their key, Added ones by their order. */
struct report_changes {
    opa_report reports[2];
    struct sentence_change *items; /* in order of the new report, those that are gone at the place they had */
    size_t count;
    bool rescored; /* a score or an error type differs, or a sentence is missing on one side */
};
/* OPA_OK or a status. */
int report_changes_make(struct report_changes *out, opa_context *ctx, opa_text old, opa_text new);
void report_changes_release(struct report_changes *r);

#endif
