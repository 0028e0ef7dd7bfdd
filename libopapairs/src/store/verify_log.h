/* SPDX-License-Identifier: Apache-2.0 */
/** @file verify_log.h
 *  Is the log of a sample sound? Every entry holds the whole state after it, so each says again what the one before it
 * said, but for what it changed; and what an import changed stands in a record.
 */
#ifndef OPA_STORE_VERIFY_LOG_H
#define OPA_STORE_VERIFY_LOG_H

#include "store/verify.h"

enum { OPA_SAID_REVISED, OPA_SAID_GROUND_TRUTH, OPA_SAID_REPORT, OPA_SAID_TEXTS };

/** What stands for a text: whether there is one, and its hash. */
typedef struct opa_print {
    bool present;
    uint8_t sha256[OPA_SHA256_SIZE];
} opa_print;
opa_print opa_print_of(opa_text text);
bool opa_print_equal(const opa_print *a, const opa_print *b);

/** What one record says of its sample. */
typedef struct opa_said {
    opa_print texts[OPA_SAID_TEXTS];
    bool made; /**< it made the sample */
    /** It is a correction from a file, which the log has in an entry of its own where it changed anything. */
    bool correction;
} opa_said;

/** What all records of a sample say. {0} is empty. */
typedef struct opa_sayings {
    opa_said *items;
    size_t count, capacity;
    bool doubtful; /**< some record is altered or cannot be read: nothing is held against the log */
} opa_sayings;

/** The log of the sample @p key; @p sample is where it is, @p head its entry in force. */
int opa_verify_log(opa_verification *v, const opa_defect *sample, int64_t key, int64_t head, const opa_sayings *said);

#endif
