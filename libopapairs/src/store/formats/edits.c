/* SPDX-License-Identifier: Apache-2.0 */
/* Corrections of known samples: {"id", "revised" | "feedback", "by", "at"}. */
#include "base/context.h"
#include "base/findings.h"
#include "store/formats/fields.h"
#include "store/formats/picture.h"
#include "store/rejoin.h"

static bool recognise(const struct cJSON *record)
{
    return opa_json_get(record, "id") && (opa_json_get(record, "revised") || opa_json_get(record, "feedback"));
}

static int read_record(opa_reader *reader, opa_incoming *in, const struct cJSON *record)
{
    in->kind = OPA_INCOMING_EDIT;
    opa_picture_none(in);
    int status = opa_field_id(reader, in, record, "id");
    if (status == OPA_OK)
        status = opa_field_optional(reader, in, &in->revised, record, "revised");
    if (status == OPA_OK)
        status = opa_field_who_when(reader, in, record);
    if (status != OPA_OK)
        return status;
    opa_field_json(in, &in->report, record, "feedback");
    in->revised_by_hand = in->revised.data != NULL;
    if (!in->revised.data && !in->report.data) {
        status =
            opa_field_finding(reader, in, OPA_F_FIELD_MISSING, "revised", "an edit has a revised text or feedback");
        return status == OPA_OK ? OPA_ERECORD : status;
    }
    if (!in->report.data)
        return OPA_OK;
    /* As an edit by hand: the revised text is what the report gives, unless the record says otherwise. What a readable
     * report has to be said about is said of the sample; here it matters only why one cannot be read. */
    opa_findings reasons = {0};
    status = opa_report_rejoin(reader->ctx, &in->made, in->report, "feedback.", &reasons);
    if (status == OPA_ERECORD && opa_findings_append(&in->findings, &reasons, NULL) != OPA_OK)
        status = opa_fail_memory(reader->ctx);
    opa_findings_release(&reasons);
    if (status == OPA_OK && !in->revised.data)
        in->revised = opa_buffer_text(&in->made);
    return status;
}

const opa_format opa_format_edits = {"edits", recognise, read_record};
