/* SPDX-License-Identifier: Apache-2.0 */
/** @file apply.h
 *  What an incoming record does to the samples: make one, revise one, attach to one, or contradict one.
 */
#ifndef OPA_STORE_APPLY_H
#define OPA_STORE_APPLY_H

#include "store/writer.h"

/** What became of a record. */
typedef struct opa_verdict {
    enum opa_outcome outcome;
    int64_t sample; /**< key; 0 in quarantine */
    bool changed;   /**< the sample is another one now: an entry in its log, or an image */
    bool complete; /**< a known sample that has the image which it needs: what is wrong with the record's is no error */
    int code;      /**< why the store keeps it in quarantine; 0: it does not, or the record itself is bad */
    const char *field;
    char message[400];
} opa_verdict;

/** Does this finding say that a record's image cannot be trained on? */
bool opa_is_image_trouble(int code);
/** The first such finding of the record, 0: none. */
int opa_image_trouble(const opa_findings *findings);

/** @p record is the key that the record's row will have, @p image that of its image (0: none). */
int opa_apply(opa_writer *w, opa_verdict *out, const opa_source *source, const opa_item *item, int64_t record,
              int64_t image);

#endif
