/* SPDX-License-Identifier: Apache-2.0 */
/* The log keeps the report that is in force, not the record that it came with: the records of the sample are few, and
 * one of them has it to the byte, or a person typed it. */
#include <string.h>

#include "base/context.h"
#include "store/store.h"

/* Does this record hold the report? Then the rest of *out is where. */
static int look(opa_report_place *out, bool *found, opa_context *ctx, sqlite3_stmt *row, opa_text report)
{
    static const char *const names[] = {"AI_json_report", "feedback"};
    const opa_text bytes = opa_db_blob(row, 3), file = opa_db_text(row, 0);
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    opa_json *doc;
    options.first_line = sqlite3_column_int64(row, 2);
    const int status = opa_json_parse(ctx, &doc, bytes, &options, NULL);
    if (status != OPA_OK)
        return status == OPA_ENOMEM ? status : OPA_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !*found; i++) {
        opa_json_place place;
        if (!opa_json_place_of(doc, names[i], &place) || place.value.end - place.value.begin != report.size ||
            memcmp(bytes.data + place.value.begin, report.data, report.size) != 0)
            continue;
        const size_t size = file.size < sizeof out->file ? file.size : sizeof out->file - 1;
        memcpy(out->file, file.data, size);
        out->record = sqlite3_column_int64(row, 1);
        out->line = place.line;
        out->field = names[i];
        *found = true;
    }
    opa_json_free(doc);
    return OPA_OK;
}

int opa_store_report_place(opa_store *store, opa_report_place *out, opa_text id, opa_text report)
{
    static const char sql[] = "SELECT f.name, k.record, k.line, w.bytes FROM samples s JOIN raws w ON w.sample = s.key"
                              " JOIN records k ON k.raw = w.key JOIN files f ON f.key = k.file WHERE s.id = ?"
                              " ORDER BY k.key <> s.source, f.sort_key, k.record";
    sqlite3_stmt *s = NULL;
    bool found = false;
    *out = (opa_report_place){.record = -1};
    int status = opa_sample_row(&store->db, &s, sql, id);
    while (status == OPA_OK) {
        status = report.data ? look(out, &found, store->ctx, s, report) : OPA_END;
        if (status != OPA_OK || found)
            break;
        status = opa_db_next(&store->db, s);
    }
    if (s)
        sqlite3_reset(s);
    return status == OPA_ENOMEM ? opa_fail_memory(store->ctx) : status;
}
