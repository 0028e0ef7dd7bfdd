/* SPDX-License-Identifier: Apache-2.0 */
/** @file schema.h
 *  The tables of a store and how an older store becomes one of today's.
 */
#ifndef OPA_STORE_SCHEMA_H
#define OPA_STORE_SCHEMA_H

#include <opapairs/store.h>

#include "store/db.h"

/** The version that this library writes (user_version). */
#define OPA_STORE_VERSION 3

/** Bring the store to OPA_STORE_VERSION, a transaction a step. OPA_EVERSION: it is newer. */
int opa_schema_migrate(opa_db *db);
/** The version that the file has. */
int opa_schema_version(opa_db *db, int64_t *out);

#endif
