/* SPDX-License-Identifier: Apache-2.0 */
#include "store/formats/fields.h"

#include <string.h>

#include "base/context.h"
#include "base/findings.h"

int opa_field_finding(opa_reader *reader, opa_incoming *in, int code, const char *key, const char *message)
{
    opa_json_place place = {.line = 0};
    if (!opa_json_place_of(in->doc, key, &place))
        place.line = 0;
    return opa_findings_add(&in->findings, code, place.line, key, "%s", message) == OPA_OK
               ? OPA_OK
               : opa_fail_memory(reader->ctx);
}

/* Add the finding and give the record up. */
static int refuse(opa_reader *reader, opa_incoming *in, int code, const char *key, const char *message)
{
    const int status = opa_field_finding(reader, in, code, key, message);
    return status == OPA_OK ? OPA_ERECORD : status;
}

bool opa_field_present(const struct cJSON *record, const char *key)
{
    const struct cJSON *value = opa_json_get(record, key);
    return value && !opa_json_is_null(value);
}

int opa_field_optional(opa_reader *reader, opa_incoming *in, opa_text *out, const struct cJSON *record, const char *key)
{
    *out = (opa_text){0};
    const struct cJSON *value = opa_json_get(record, key);
    if (!value || opa_json_is_null(value) || opa_json_text(in->doc, value, out))
        return OPA_OK;
    return refuse(reader, in, OPA_F_FIELD_TYPE, key, "a text is expected here");
}

int opa_field_required(opa_reader *reader, opa_incoming *in, opa_text *out, const struct cJSON *record, const char *key)
{
    *out = (opa_text){0};
    if (!opa_field_present(record, key))
        return refuse(reader, in, OPA_F_FIELD_MISSING, key, "the record lacks this field");
    return opa_field_optional(reader, in, out, record, key);
}

int opa_field_id(opa_reader *reader, opa_incoming *in, const struct cJSON *record, const char *key)
{
    const struct cJSON *value = opa_json_get(record, key);
    if (!value || opa_json_is_null(value))
        return refuse(reader, in, OPA_F_FIELD_MISSING, key, "the record lacks its id");
    if (opa_json_text(in->doc, value, &in->id) ? in->id.size > 0 : opa_json_lexeme(in->doc, value, &in->id))
        return OPA_OK;
    in->id = (opa_text){0};
    return refuse(reader, in, OPA_F_ID_INVALID, key, "an id is a text that is not empty, or a number");
}

void opa_field_json(const opa_incoming *in, opa_text *out, const struct cJSON *record, const char *key)
{
    opa_json_place place;
    *out = (opa_text){0};
    if (opa_field_present(record, key) && opa_json_place_of(in->doc, key, &place))
        *out = (opa_text){in->bytes.data + place.value.begin, place.value.end - place.value.begin};
}

int opa_field_who_when(opa_reader *reader, opa_incoming *in, const struct cJSON *record)
{
    opa_text at;
    int status = opa_field_optional(reader, in, &in->by, record, "by");
    if (opa_text_blank(in->by))
        in->by = (opa_text){0};
    if (status == OPA_OK)
        status = opa_field_optional(reader, in, &at, record, "at");
    if (status != OPA_OK || !at.data)
        return status;
    if (!opa_time_read(in->at_utc, at))
        return opa_field_finding(reader, in, OPA_F_TIME_INVALID, "at",
                                 "no time as in 2026-11-25T18:26:03Z; that of the import stands in the log");
    in->at = (opa_text){in->at_utc, strlen(in->at_utc)};
    return OPA_OK;
}
