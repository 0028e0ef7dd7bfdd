/* SPDX-License-Identifier: Apache-2.0 */
#include "store/telling.h"

#include <string.h>

#include "base/context.h"
#include "base/findings.h"
#include "store/recorded.h"

static int tell_list(opa_writer *w, const opa_findings *list)
{
    for (size_t i = 0; i < list->count && w->options->finding; i++)
        if (w->options->finding(w->options->user, &list->items[i]) != 0)
            return opa_fail(w->store->ctx, OPA_ECANCELLED, "stopped");
    return OPA_OK;
}

int opa_tell(opa_writer *w, int code, const char *file, int64_t record, int64_t line, opa_text id, const char *field,
             const char *message)
{
    opa_findings list = {0};
    if (!w->options->finding)
        return OPA_OK;
    int status = opa_findings_add(&list, code, line, field, "%s", message);
    if (status == OPA_OK)
        status = opa_findings_locate(&list, 0, file, record, id);
    status = status == OPA_OK ? tell_list(w, &list) : opa_fail_memory(w->store->ctx);
    opa_findings_release(&list);
    return status;
}

/* The record's own findings, of its form and its image, and why the store refused it. */
static int tell_record(opa_writer *w, const opa_source *source, const opa_item *item, const opa_verdict *verdict)
{
    opa_findings list = {0};
    int status = OPA_OK;
    const bool quarantined = verdict->outcome == OPA_OUTCOME_QUARANTINED;
    if (!w->options->finding || (item->in.findings.count == 0 && !verdict->code))
        return OPA_OK;
    for (size_t i = 0; i < item->in.findings.count && status == OPA_OK; i++) {
        const opa_finding *f = &item->in.findings.items[i];
        const bool over = !quarantined && verdict->complete && opa_is_image_trouble(f->code);
        status = opa_findings_add(&list, over ? OPA_F_IMAGE_PASSED_OVER : f->code, f->line, f->field, "%s%s",
                                  f->message, over ? OPA_PASSED_OVER_MESSAGE : "");
    }
    if (status == OPA_OK && verdict->code)
        status = opa_findings_add(&list, verdict->code, 0, verdict->field, "%s", verdict->message);
    for (size_t i = 0; i < list.count; i++) {
        list.items[i].line = opa_recorded_line(item->line, list.items[i].line);
        list.items[i].quarantined = quarantined;
    }
    if (status == OPA_OK)
        status = opa_findings_locate(&list, 0, source->name, item->index, item->in.id);
    status = status == OPA_OK ? tell_list(w, &list) : opa_fail_memory(w->store->ctx);
    opa_findings_release(&list);
    return status;
}

int opa_tell_copy(opa_writer *w, const opa_source *source, const opa_item *item, int64_t raw, bool same_bytes)
{
    static const char of_raw[] =
        "SELECT f.name, k.record, k.line, f.sort_key FROM records k JOIN files f ON f.key = k.file"
        " WHERE k.raw = ?1 AND k.key <> ?2 ORDER BY f.sort_key, k.record LIMIT 1";
    static const char of_sample[] =
        "SELECT f.name, k.record, k.line, f.sort_key FROM raws w JOIN raws o ON o.sample = w.sample"
        " JOIN records k ON k.raw = o.key JOIN files f ON f.key = k.file"
        " WHERE w.key = ?1 AND k.key <> ?2 ORDER BY f.sort_key, k.record LIMIT 1";
    sqlite3_stmt *s;
    if (!w->options->finding)
        return OPA_OK;
    int status = opa_db_prepare(w->db, &s, same_bytes ? of_raw : of_sample);
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, raw);
    sqlite3_bind_int64(s, 2, w->record);
    if ((status = opa_db_next(w->db, s)) != OPA_OK)
        return status == OPA_END ? OPA_OK : status;
    opa_buffer name = {0}, message = {0};
    opa_buffer_add_text(&name, opa_db_text(s, 0));
    const int64_t record = sqlite3_column_int64(s, 1), line = sqlite3_column_int64(s, 2);
    const bool later = opa_place_before(opa_db_blob(s, 3), record, opa_buffer_text(&source->sort_key), item->index);
    sqlite3_reset(s);
    /* The finding stands at the greater place, whichever came first. */
    opa_copy_message(&message, same_bytes,
                     later ? opa_buffer_text(&name) : (opa_text){source->name, strlen(source->name)},
                     later ? record : item->index);
    if (name.failed || message.failed)
        status = opa_fail_memory(w->store->ctx);
    else
        status = opa_tell(w, OPA_F_DUPLICATE_RECORD, later ? source->name : name.data, later ? item->index : record,
                          later ? item->line : line, item->in.id, NULL, message.data);
    opa_buffer_release(&name);
    opa_buffer_release(&message);
    return status;
}

int opa_tell_verdict(opa_writer *w, const opa_source *source, const opa_item *item, const opa_verdict *verdict,
                     int64_t raw)
{
    int status = OPA_OK;
    if (verdict->outcome == OPA_OUTCOME_REVISION)
        status =
            opa_tell(w, OPA_F_REVISION, source->name, item->index, item->line, item->in.id, NULL, OPA_REVISION_MESSAGE);
    if (verdict->outcome == OPA_OUTCOME_SAME)
        status = opa_tell_copy(w, source, item, raw, false);
    return status == OPA_OK ? tell_record(w, source, item, verdict) : status;
}
