/* SPDX-License-Identifier: Apache-2.0 */
/** @file filters.h
 *  Which samples a recipe leaves out: by what stands in them, and by what only their tokens tell.
 */
#ifndef OPA_PAIRS_FILTERS_H
#define OPA_PAIRS_FILTERS_H

#include "pairs/response.h"

/** Was a report with at least one sentence read? */
bool opa_report_has_sentences(const opa_report *report);

/** The first filter that does not let the sample pass, with why; NULL when all do. filters.edit_share_max is not among
 * them. */
const char *opa_filter_sample(const opa_filters *filters, const opa_sample *sample, const opa_assessment *assessment);

/** filters.edit_share_max. OPA_ERECORD, with a finding OPA_F_FILTERED: too much is edited. */
int opa_filter_tokens(opa_response_maker *m);

#endif
