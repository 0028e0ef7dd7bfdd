/* SPDX-License-Identifier: Apache-2.0 */
/** @file fields.h
 *  Taking fields out of a record, the same way in every format. null, NaN and an absent key are the same.
 *  Functions return OPA_OK, OPA_ERECORD (the record is bad; a finding says why) or OPA_ENOMEM.
 */
#ifndef OPA_STORE_FIELDS_H
#define OPA_STORE_FIELDS_H

#include "store/formats/formats.h"

/** A text that must be there. */
int opa_field_required(opa_reader *reader, opa_incoming *in, opa_text *out, const struct cJSON *record,
                       const char *key);
/** A text that may be absent. */
int opa_field_optional(opa_reader *reader, opa_incoming *in, opa_text *out, const struct cJSON *record,
                       const char *key);
/** The id: a text that is not empty, or a number (as written). */
int opa_field_id(opa_reader *reader, opa_incoming *in, const struct cJSON *record, const char *key);
/** A value as JSON, as it stands in the record. */
void opa_field_json(const opa_incoming *in, opa_text *out, const struct cJSON *record, const char *key);
/** Is there a value under this key (not null)? */
bool opa_field_present(const struct cJSON *record, const char *key);
/** "by" and "at", where a record says them: an empty name is none, and what is no time is a finding. */
int opa_field_who_when(opa_reader *reader, opa_incoming *in, const struct cJSON *record);
/** Append a finding with the line of the member @p key. */
int opa_field_finding(opa_reader *reader, opa_incoming *in, int code, const char *key, const char *message);

#endif
