/* SPDX-License-Identifier: Apache-2.0 */
/** @file telling.h
 *  What an import tells its caller as it goes: the findings of records that are new, quarantined, merged or revised.
 */
#ifndef OPA_STORE_TELLING_H
#define OPA_STORE_TELLING_H

#include "store/apply.h"

/** One finding. @p record -1: of the file as a whole. */
int opa_tell(opa_writer *w, int code, const char *file, int64_t record, int64_t line, opa_text id, const char *field,
             const char *message);
/** What there is to be said of a record that went in, or did not, as @p raw. */
int opa_tell_verdict(opa_writer *w, const opa_source *source, const opa_item *item, const opa_verdict *verdict,
                     int64_t raw);
/** The other place that a copy is a copy of: of the same raw, or the source of its sample. */
int opa_tell_copy(opa_writer *w, const opa_source *source, const opa_item *item, int64_t raw, bool same_bytes);

#endif
