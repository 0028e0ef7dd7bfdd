/* SPDX-License-Identifier: Apache-2.0 */
/* A model's answers: {"id", "prompt", "image", "text"} as "opatrain generate" writes them (its ids and finish stay in
 * the record), or LLaVA's question_id, prompt, text, model_id. */
#include "store/formats/fields.h"
#include "store/formats/picture.h"

static bool recognise(const struct cJSON *record)
{
    return (opa_json_get(record, "id") || opa_json_get(record, "question_id")) && opa_json_get(record, "text");
}

static int read_record(opa_reader *reader, opa_incoming *in, const struct cJSON *record)
{
    in->kind = OPA_INCOMING_ANSWER;
    int status = opa_field_id(reader, in, record, opa_json_get(record, "id") ? "id" : "question_id");
    if (status == OPA_OK)
        status = opa_field_required(reader, in, &in->generated, record, "text");
    /* An answer to a known sample need not repeat the prompt; without one it makes no sample. */
    if (status == OPA_OK)
        status = opa_field_optional(reader, in, &in->prompt, record, "prompt");
    if (status == OPA_OK)
        status = opa_field_who_when(reader, in, record);
    return status == OPA_OK ? opa_picture_take(reader, in, record) : status;
}

const opa_format opa_format_outputs = {"outputs", recognise, read_record};
