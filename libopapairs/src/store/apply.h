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
    int code;       /**< why the store keeps it in quarantine; 0: it does not, or the record itself is bad */
    const char *field;
    char message[400];
} opa_verdict;

/** @p record is the key that the record's row will have, @p image that of its image (0: none). */
int opa_apply(opa_writer *w, opa_verdict *out, const opa_source *source, const opa_item *item, int64_t record,
              int64_t image);

#endif
