/* SPDX-License-Identifier: Apache-2.0 */
/** @file findings.h
 *  Filling a list of findings.
 */
#ifndef OPA_BASE_FINDINGS_H
#define OPA_BASE_FINDINGS_H

#include <opapairs/finding.h>

/** Append one. @p list may be NULL (nothing happens). @p line 0 and @p field NULL where unknown. The message is cleaned
 * to one line of UTF-8. OPA_ENOMEM: the list is as before. */
int opa_findings_add(opa_findings *list, int code, int64_t line, const char *field, const char *format, ...)
    OPA_PRINTF(5, 6);
/** Append a copy of all findings of @p from whose field gets @p prefix in front ("AI_json_report."), when not NULL. */
int opa_findings_append(opa_findings *list, const opa_findings *from, const char *prefix);
/** Empty it; the memory of the array is kept. */
void opa_findings_clear(opa_findings *list);
/** Set file, record and id of the findings from index @p first on where they are unknown yet. @p file and @p id may be
 * NULL or absent. */
int opa_findings_locate(opa_findings *list, size_t first, const char *file, int64_t record, opa_text id);

#endif
