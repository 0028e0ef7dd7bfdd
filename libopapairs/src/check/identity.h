/* SPDX-License-Identifier: Apache-2.0 */
/** @file identity.h
 *  What samples have in common: images, names of images, generated texts (codes 6xx).
 */
#ifndef OPA_CHECK_IDENTITY_H
#define OPA_CHECK_IDENTITY_H

#include <opapairs/sample.h>

#include "base/arena.h"
#include "check/hashes.h"

/** All samples, by hashes. Only their ids are kept as texts, so that a finding can name another sample. {0} is empty.
 */
typedef struct opa_identity {
    opa_hashes images;    /**< image -> samples */
    opa_hashes image_ids; /**< image_id -> samples; value: the image of the first */
    opa_hashes texts;     /**< generated text -> samples */
    opa_text *ids;        /**< by number, in the order noted */
    size_t count, capacity;
    opa_arena *arena; /**< owns the ids */
} opa_identity;

void opa_identity_release(opa_identity *identity);
/** OPA_ENOMEM */
int opa_identity_note(opa_identity *identity, const opa_sample *sample);
/** Append the findings of a sample that was noted. OPA_ENOMEM */
int opa_identity_check(const opa_identity *identity, const opa_sample *sample, opa_findings *findings);

#endif
