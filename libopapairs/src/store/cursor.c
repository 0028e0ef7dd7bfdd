/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "store/keys.h"
#include "store/store.h"

struct opa_cursor {
    opa_db db;     /* a snapshot */
    opa_keys keys; /* of the samples, in order: sorting them apart keeps the texts out of the sorter */
    size_t next;
    sqlite3_stmt *fetch;
};

int opa_store_samples(opa_store *store, opa_cursor **out, enum opa_order order)
{
    static const char by_source[] =
        "SELECT s.key FROM samples s JOIN records k ON k.key = s.source JOIN files f ON f.key = k.file"
        " ORDER BY f.sort_key, k.record, s.id";
    static const char by_key[] = "SELECT key FROM samples ORDER BY pack_key, id";
    static const char one[] = OPA_SAMPLE_SELECT "WHERE s.key = ?";
    *out = NULL;
    opa_cursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor)
        return opa_fail_memory(store->ctx);
    sqlite3_stmt *s;
    int status = opa_store_snapshot(store, &cursor->db);
    if (status == OPA_OK)
        status = opa_db_prepare(&cursor->db, &s, order == OPA_ORDER_KEY ? by_key : by_source);
    if (status == OPA_OK)
        status = opa_keys_collect(&cursor->keys, &cursor->db, s);
    if (status == OPA_OK)
        status = opa_db_prepare(&cursor->db, &cursor->fetch, one);
    if (status != OPA_OK) {
        opa_cursor_free(cursor);
        return status;
    }
    *out = cursor;
    return OPA_OK;
}

int opa_cursor_next(opa_cursor *cursor, opa_sample *out)
{
    *out = (opa_sample){0};
    if (cursor->next == cursor->keys.count)
        return OPA_END;
    sqlite3_reset(cursor->fetch);
    sqlite3_bind_int64(cursor->fetch, 1, cursor->keys.items[cursor->next]);
    const int status = opa_db_next(&cursor->db, cursor->fetch);
    if (status == OPA_END)
        return opa_fail(cursor->db.ctx, OPA_EDATA, "%s: the store is damaged: a sample lacks its source or its log",
                        cursor->db.path);
    if (status != OPA_OK)
        return status;
    cursor->next++;
    opa_sample_read(out, cursor->fetch);
    return OPA_OK;
}

void opa_cursor_free(opa_cursor *cursor)
{
    if (!cursor)
        return;
    opa_db_close(&cursor->db);
    opa_keys_release(&cursor->keys);
    free(cursor);
}

/* Hashes come from the index over them: a row of images stands at the head of the image's bytes, a page each. */
#define OUTLINE                                                                                                        \
    "WITH i AS MATERIALIZED (SELECT key, sha256 FROM images)"                                                          \
    " SELECT s.id, w.image_name, i.sha256, s.generated FROM samples s JOIN records k ON k.key = s.source"              \
    " JOIN files f ON f.key = k.file JOIN raws w ON w.key = k.raw LEFT JOIN i ON i.key = s.image ORDER BY "

static opa_sample outline_of(sqlite3_stmt *row)
{
    opa_sample sample = {.id = opa_db_text(row, 0), .image_id = opa_db_text(row, 1), .generated = opa_db_text(row, 3)};
    const opa_text digest = opa_db_blob(row, 2);
    sample.has_image = digest.size == OPA_SHA256_SIZE;
    if (sample.has_image)
        memcpy(sample.image_sha256, digest.data, OPA_SHA256_SIZE);
    return sample;
}

int opa_store_outlines(opa_store *store, enum opa_order order, opa_sample_fn fn, void *user)
{
    static const char by_source[] = OUTLINE "f.sort_key, k.record, s.id";
    static const char by_key[] = OUTLINE "s.pack_key, s.id";
    opa_db db;
    sqlite3_stmt *s;
    int status = opa_store_snapshot(store, &db);
    if (status != OPA_OK)
        return status;
    status = opa_db_prepare(&db, &s, order == OPA_ORDER_KEY ? by_key : by_source);
    while (status == OPA_OK && (status = opa_db_next(&db, s)) == OPA_OK) {
        const opa_sample sample = outline_of(s);
        if (fn(user, &sample) != 0)
            status = opa_fail(store->ctx, OPA_ECANCELLED, "stopped");
    }
    opa_db_close(&db);
    return status == OPA_END ? OPA_OK : status;
}
