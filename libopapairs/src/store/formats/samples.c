/* SPDX-License-Identifier: Apache-2.0 */
/* Our own JSON Lines: id, prompt and generated; image, revised, ground_truth, feedback, by and at where there are any.
 */
#include "store/formats/fields.h"
#include "store/formats/picture.h"

static bool recognise(const struct cJSON *record)
{
    return opa_json_get(record, "id") && opa_json_get(record, "generated");
}

static int read_record(opa_reader *reader, opa_incoming *in, const struct cJSON *record)
{
    static const struct {
        const char *key;
        size_t offset;
        bool required;
    } texts[] = {
        {"prompt", offsetof(opa_incoming, prompt), true},
        {"generated", offsetof(opa_incoming, generated), true},
        {"revised", offsetof(opa_incoming, revised), false},
        {"ground_truth", offsetof(opa_incoming, ground_truth), false},
    };
    in->kind = OPA_INCOMING_SAMPLE;
    int status = opa_field_id(reader, in, record, "id");
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status != OPA_ENOMEM; i++) {
        opa_text *out = (opa_text *)(void *)((char *)in + texts[i].offset);
        const int one = texts[i].required ? opa_field_required(reader, in, out, record, texts[i].key)
                                          : opa_field_optional(reader, in, out, record, texts[i].key);
        if (one != OPA_OK)
            status = one;
    }
    if (status == OPA_OK)
        status = opa_field_who_when(reader, in, record);
    if (status != OPA_OK)
        return status;
    if (in->ground_truth.size == 0)
        in->ground_truth = (opa_text){0};
    opa_field_json(in, &in->report, record, "feedback");
    return opa_picture_take(reader, in, record);
}

const opa_format opa_format_samples = {"samples", recognise, read_record};
