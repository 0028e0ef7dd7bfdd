/* SPDX-License-Identifier: Apache-2.0 */
#include "store/waiting.h"

#include <stdlib.h>

#include "base/context.h"
#include "store/apply.h"

int opa_waiting_note(opa_writer *w, int64_t raw)
{
    return opa_keys_add(&w->waiting, raw) ? OPA_OK : opa_fail_memory(w->store->ctx);
}

/* The record's bytes into the batch, its least place into @p source and @p record. */
static int fetch(opa_writer *w, opa_batch *batch, opa_source *source, opa_buffer *name, int64_t *record, int64_t raw)
{
    static const char sql[] =
        "SELECT f.name, k.key, k.record, k.line, w.bytes, w.format FROM raws w JOIN records k ON k.raw = w.key"
        " JOIN files f ON f.key = k.file WHERE w.key = ? ORDER BY f.sort_key, k.record LIMIT 1";
    sqlite3_stmt *s;
    int status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, raw);
    if ((status = opa_db_next(w->db, s)) != OPA_OK)
        return status;
    const opa_json_record read = {
        .bytes = opa_db_blob(s, 4), .index = sqlite3_column_int64(s, 2), .line = sqlite3_column_int64(s, 3)};
    opa_buffer_clear(name);
    opa_buffer_add_text(name, opa_db_text(s, 0));
    *record = sqlite3_column_int64(s, 1);
    source->format = opa_format_lookup(opa_db_text(s, 5));
    const bool added = opa_batch_add(batch, &read) != NULL;
    sqlite3_reset(s);
    source->name = opa_buffer_text(name).data;
    batch->source = source;
    return added && !name->failed ? OPA_OK : opa_fail_memory(w->store->ctx);
}

/* In this import it was counted as quarantined at each of its places. */
static void discount(opa_writer *w, int64_t raw)
{
    for (size_t i = 0; i < w->waiting.count; i++)
        w->report.quarantined -= w->waiting.items[i] == raw;
}

static int take(opa_writer *w, opa_batch_reader *reader, opa_batch *batch, opa_buffer *name, int64_t raw)
{
    char here[] = ".";
    opa_source source = {.images = here};
    opa_verdict verdict = {0};
    int64_t record;
    int status = fetch(w, batch, &source, name, &record, raw);
    if (status != OPA_OK)
        return status == OPA_END ? OPA_OK : status;
    opa_batch_read(reader, batch);
    const opa_item *item = &batch->items[0];
    if (item->status == OPA_OK)
        status = opa_apply(w, &verdict, &source, item, record, 0);
    else if (item->status != OPA_ERECORD)
        status = opa_fail(w->store->ctx, item->status, "%s: record %lld: cannot be read again", source.name,
                          (long long)item->index);
    if (status == OPA_OK && verdict.sample) {
        status = opa_writer_accept(w, item, &verdict, raw);
        discount(w, raw);
    }
    opa_batch_clear(batch);
    return status;
}

int opa_waiting_take(opa_writer *w)
{
    _Static_assert(OPA_F_ID_UNKNOWN == 608, "named in the statement");
    opa_keys keys = {0};
    opa_batch_reader reader = {0};
    opa_batch *batch = calloc(1, sizeof *batch);
    opa_buffer name = {0};
    sqlite3_stmt *s;
    int status = batch ? OPA_OK : opa_fail_memory(w->store->ctx);
    if (status == OPA_OK)
        status = opa_db_prepare(w->db, &s,
                                "SELECT w.key FROM raws w JOIN records k ON k.raw = w.key WHERE w.sample IS NULL"
                                " AND w.code = 608 GROUP BY w.key ORDER BY max(k.key)");
    if (status == OPA_OK)
        status = opa_keys_collect(&keys, w->db, s);
    if (status == OPA_OK && keys.count && opa_batch_reader_init(&reader) != OPA_OK)
        status = opa_fail_memory(w->store->ctx);
    for (size_t i = 0; i < keys.count && status == OPA_OK; i++)
        status = take(w, &reader, batch, &name, keys.items[i]);
    opa_batch_free(batch);
    opa_batch_reader_release(&reader);
    opa_buffer_release(&name);
    opa_keys_release(&keys);
    return status;
}
