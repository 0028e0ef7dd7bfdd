/* SPDX-License-Identifier: Apache-2.0 */
/** @file member.h
 *  opa_pairs_write() with what a pack's manifest wants to know beside the member.
 */
#ifndef OPA_PAIRS_MEMBER_H
#define OPA_PAIRS_MEMBER_H

#include "pairs/recipe.h"

typedef struct opa_member_counts {
    opa_pair_counts pairs;
    size_t tokens[OPA_ROLES];
} opa_member_counts;

/** As opa_pairs_write(); *counts is filled on success. */
int opa_member_write(opa_context *ctx, opa_json_writer *w, const opa_pairs_options *options, const opa_sample *sample,
                     const opa_assessment *assessment, opa_findings *findings, opa_member_counts *counts);

#endif
