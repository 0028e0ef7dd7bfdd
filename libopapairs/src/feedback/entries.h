/* SPDX-License-Identifier: Apache-2.0 */
/** @file entries.h
 *  From a JSON tree to the sentences of a report. The one interpreter of fields, for sound and for salvaged reports.
 */
#ifndef OPA_FEEDBACK_ENTRIES_H
#define OPA_FEEDBACK_ENTRIES_H

#include <opapairs/json.h>
#include <opapairs/report.h>

#include "base/arena.h"

/** Fill sentences, image_description and keys_ascending of @p out with what the tree of @p doc says; texts are copied
 * to @p arena.
 *  @p open is the number of containers that the text ended in (salvage.h): the root, its last member, and so on; a
 * sentence among them is not whole and left out. Without any sentence count is 0. OPA_ENOMEM. */
int opa_entries_read(opa_context *ctx, opa_report *out, opa_arena *arena, const opa_json *doc, size_t open,
                     opa_findings *findings);

#endif
