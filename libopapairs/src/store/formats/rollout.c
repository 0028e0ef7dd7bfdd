/* SPDX-License-Identifier: Apache-2.0 */
/* The released code's step files (spec of the fields: make_opadpo_dataset.py of OPA-DPO): an array of records.
 * AI_generate_response (the report's copies, joined) follows from the report and is kept in the record's bytes only. */
#include "store/formats/fields.h"
#include "store/formats/picture.h"

static bool recognise(const struct cJSON *record)
{
    return opa_json_get(record, "original_generate_response") ||
           (opa_json_get(record, "query") && opa_json_get(record, "image_bytes")) ||
           opa_json_get(record, "AI_json_report");
}

/* A text that the released code would take as it is; another kind of value is a finding and counts as absent. */
static int lenient(opa_reader *reader, opa_incoming *in, opa_text *out, const struct cJSON *record, const char *key)
{
    const int status = opa_field_optional(reader, in, out, record, key);
    return status == OPA_ERECORD ? OPA_OK : status;
}

/* image_id is a path, a number or null. */
static bool take_name(opa_incoming *in, const struct cJSON *record)
{
    const struct cJSON *value = opa_json_get(record, "image_id");
    if (value && opa_json_text(in->doc, value, &in->image_name))
        return false;
    if (value && !opa_json_is_null(value) && opa_json_lexeme(in->doc, value, &in->image_name))
        return true;
    in->image_name = (opa_text){0};
    return false;
}

static int read_record(opa_reader *reader, opa_incoming *in, const struct cJSON *record)
{
    in->kind = OPA_INCOMING_SAMPLE;
    in->image_expected = in->report_expected = true;
    int prompt = opa_field_required(reader, in, &in->prompt, record, "query");
    int generated = opa_field_required(reader, in, &in->generated, record, "original_generate_response");
    /* Both are looked at, so that a record's findings name all that it lacks. */
    int status = prompt == OPA_ENOMEM || generated == OPA_ENOMEM ? OPA_ENOMEM : prompt != OPA_OK ? prompt : generated;
    if (status == OPA_OK)
        status = lenient(reader, in, &in->ground_truth, record, "standard_response");
    if (status == OPA_OK)
        status = lenient(reader, in, &in->revised, record, "AI_pseudo_response");
    if (status != OPA_OK)
        return status;
    if (in->ground_truth.size == 0)
        in->ground_truth = (opa_text){0};
    opa_field_json(in, &in->report, record, "AI_json_report");
    const bool is_number = take_name(in, record);
    opa_picture_none(in);
    status = opa_picture_base64(reader, in, opa_json_get(record, "image_bytes"), "image_bytes");
    if (status != OPA_OK)
        return status;
    opa_rollout_id(in->made_id, in->image_name, is_number, in->image_sha256, in->prompt, in->generated);
    size_t size = 0;
    while (in->made_id[size])
        size++;
    in->id = (opa_text){in->made_id, size};
    return OPA_OK;
}

const opa_format opa_format_rollout = {"rollout", recognise, read_record};
