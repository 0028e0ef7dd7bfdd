/* SPDX-License-Identifier: Apache-2.0 */
/** @file known.h
 *  The error findings that import recorded, by sample: what keeps a sample out of a pack without looking at it.
 */
#ifndef OPA_PACK_KNOWN_H
#define OPA_PACK_KNOWN_H

#include <opapairs/store.h>

typedef struct opa_known_error {
    int code;
    char *id, *message; /**< owned */
} opa_known_error;

/** {0} is an empty one. Sorted by id, code, message. */
typedef struct opa_known {
    opa_known_error *items;
    size_t count, capacity;
} opa_known;

int opa_known_load(opa_context *ctx, opa_known *out, opa_store *store);
/** The error of least code, or NULL. */
const opa_known_error *opa_known_find(const opa_known *known, opa_text id);
void opa_known_release(opa_known *known);

#endif
