/* SPDX-License-Identifier: Apache-2.0 */
/** @file keys.h
 *  A list of row keys.
 */
#ifndef OPA_STORE_KEYS_H
#define OPA_STORE_KEYS_H

#include "store/db.h"

/** {0} is an empty one. */
typedef struct opa_keys {
    int64_t *items;
    size_t count, capacity;
} opa_keys;

/** Append one. False: out of memory. */
bool opa_keys_add(opa_keys *keys, int64_t key);
/** Append the first column of every row of @p statement. */
int opa_keys_collect(opa_keys *keys, opa_db *db, sqlite3_stmt *statement);
void opa_keys_release(opa_keys *keys);

#endif
