/* SPDX-License-Identifier: Apache-2.0 */
/** @file document.h
 *  What the guard makes: cJSON's tree, with the texts and numbers beside it, exactly as they were. The n-th string or
 *  number of the tree is values[n]; n is kept in its valueint.
 */
#ifndef OPA_JSON_DOCUMENT_H
#define OPA_JSON_DOCUMENT_H

#include <opapairs/json.h>

#include <cjson/cJSON.h>

#include "base/arena.h"

/* A key with NULs cannot be a C string: it is this byte, which no valid key has, and its number in nul_keys. */
#define OPA_JSON_NUL_KEY '\xFF'

/* A member of the root object. */
typedef struct opa_json_member_place {
    opa_text key;
    opa_json_place place;
} opa_json_member_place;

struct opa_json {
    cJSON *root;
    opa_arena *arena; /* texts that had escapes */
    opa_text *values; /* strings: their texts; numbers: their lexemes */
    size_t value_count, value_capacity;
    opa_text *nul_keys;
    size_t nul_key_count, nul_key_capacity;
    opa_json_member_place *places; /* members of the root object, in order */
    size_t place_count, place_capacity;
};

#endif
