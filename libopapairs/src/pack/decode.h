/* SPDX-License-Identifier: Apache-2.0 */
/** @file decode.h
 *  A sample's JSON member back to a sample. Everything that schemas/sample.schema.json demands is checked on the way.
 */
#ifndef OPA_PACK_DECODE_H
#define OPA_PACK_DECODE_H

#include <opapairs/pack.h>

#include "pairs/recipe.h"

typedef struct opa_decoded {
    opa_sample sample; /**< texts are borrowed from the document */
    opa_pair_counts pairs;
    size_t tokens[OPA_ROLES];
    opa_text mask_seed; /**< of the first mask; data NULL: there is none */
} opa_decoded;

/** OPA_ERECORD: the message names the place ("responses.revised.ids"). */
int opa_decode_member(opa_context *ctx, opa_decoded *out, const opa_json *doc);

#endif
