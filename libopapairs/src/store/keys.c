/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

#include <stdlib.h>

#include "base/context.h"

bool opa_keys_add(opa_keys *keys, int64_t key)
{
    if (keys->count == keys->capacity) {
        const size_t capacity = keys->capacity ? keys->capacity * 2 : 256;
        int64_t *items = realloc(keys->items, capacity * sizeof *items);
        if (!items)
            return false;
        keys->items = items;
        keys->capacity = capacity;
    }
    keys->items[keys->count++] = key;
    return true;
}

int opa_keys_collect(opa_keys *keys, opa_db *db, sqlite3_stmt *statement)
{
    int status;
    while ((status = opa_db_next(db, statement)) == OPA_OK) {
        if (!opa_keys_add(keys, sqlite3_column_int64(statement, 0))) {
            sqlite3_reset(statement);
            return opa_fail_memory(db->ctx);
        }
    }
    return status == OPA_END ? OPA_OK : status;
}

void opa_keys_release(opa_keys *keys)
{
    free(keys->items);
    *keys = (opa_keys){0};
}
