/* SPDX-License-Identifier: Apache-2.0 */
/** @file rejoin.h
 *  The revised text that a report stands for when nothing else is said.
 */
#ifndef OPA_STORE_REJOIN_H
#define OPA_STORE_REJOIN_H

#include <opapairs/report.h>

#include "base/buffer.h"

/** Append the sentences of @p report (JSON) as the released code joins them into its pseudo response: the rewritten
 * texts in document order with a space between, a non-empty Added where it stands. OPA_ERECORD when no sentence can be
 * read; the findings of reading the report go to @p findings (may be NULL) with @p prefix before their fields. */
int opa_report_rejoin(opa_context *ctx, opa_buffer *out, opa_text report, const char *prefix, opa_findings *findings);

#endif
