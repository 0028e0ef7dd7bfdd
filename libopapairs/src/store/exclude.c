/* SPDX-License-Identifier: Apache-2.0 */
/* Many exclusions as one change: to wait for the disk after each would take as long as all else together. */
#include <string.h>

#include "base/context.h"
#include "store/edits.h"
#include "store/naming.h"

/* @p entry has all but the sample and its state. */
static int exclude_one(opa_db *db, opa_entry *entry, opa_text id, bool excluded, opa_buffer *memory)
{
    int status = opa_edits_find(db, &entry->sample, id);
    if (status == OPA_OK)
        status = opa_edits_state(db, &entry->state, entry->sample, memory);
    if (status != OPA_OK || entry->state.excluded == excluded)
        return status;
    entry->state.excluded = excluded;
    status = opa_edits_append(db, 0, entry);
    return status == OPA_OK ? opa_edits_set_head(db, entry->sample, sqlite3_last_insert_rowid(db->handle)) : status;
}

static int exclude_each(opa_db *db, opa_entry *entry, const opa_text *ids, size_t count, bool excluded)
{
    opa_buffer memory = {0};
    int status = opa_db_exec(db, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    for (size_t i = 0; i < count && status == OPA_OK; i++)
        status = exclude_one(db, entry, ids[i], excluded, &memory);
    if (status == OPA_OK)
        status = opa_db_exec(db, "COMMIT");
    if (status != OPA_OK)
        opa_db_rollback(db);
    sqlite3_exec(db->handle, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    opa_buffer_release(&memory);
    return status;
}

int opa_store_set_all_excluded(opa_store *store, const opa_text *ids, size_t count, bool excluded, const char *why,
                               const char *by)
{
    char at[OPA_TIME_SIZE];
    opa_lock lock;
    int status = opa_store_lock(store, &lock, "editing");
    if (status != OPA_OK)
        return status;
    opa_time_now(at);
    opa_entry entry = {.what = excluded ? OPA_EDIT_EXCLUDE : OPA_EDIT_INCLUDE, .at = {at, strlen(at)}};
    if (why)
        entry.why = (opa_text){why, strlen(why)};
    if (by)
        entry.by = (opa_text){by, strlen(by)};
    status = exclude_each(&store->db, &entry, ids, count, excluded);
    opa_lock_release(&lock);
    return status;
}
