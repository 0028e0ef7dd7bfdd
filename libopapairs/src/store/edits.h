/* SPDX-License-Identifier: Apache-2.0 */
/** @file edits.h
 *  The log: every entry holds the whole state of a sample after it, and the sample points to the entry in force.
 */
#ifndef OPA_STORE_EDITS_H
#define OPA_STORE_EDITS_H

#include "store/store.h"

/** What edits change. */
typedef struct opa_state {
    opa_text revised, ground_truth, report; /**< data NULL: none */
    bool by_hand;                           /**< revised was set by a person */
    bool excluded;
} opa_state;

typedef struct opa_entry {
    int64_t sample; /**< key */
    opa_edit_what what;
    opa_text by, at, why;
    int64_t undoes; /**< 0: none */
    opa_state state;
} opa_entry;

/** The key of a sample. OPA_ENOENT names the id. */
int opa_edits_find(opa_db *db, int64_t *out, opa_text id);
/** Append an entry under @p sequence (0: the next one); the sample's head is not moved. */
int opa_edits_append(opa_db *db, int64_t sequence, const opa_entry *entry);
/** Make an entry the one in force. */
int opa_edits_set_head(opa_db *db, int64_t sample, int64_t sequence);
/** The state in force, copied into @p memory (cleared first). */
int opa_edits_state(opa_db *db, opa_state *out, int64_t sample, opa_buffer *memory);
bool opa_state_equal(const opa_state *a, const opa_state *b);

#endif
