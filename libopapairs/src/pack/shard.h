/* SPDX-License-Identifier: Apache-2.0 */
/** @file shard.h
 *  Verification of one shard: its hash, every range, header, padding and member, the JSON against the schema, the image
 * decoded.
 */
#ifndef OPA_PACK_SHARD_H
#define OPA_PACK_SHARD_H

#include <opapairs/pack.h>

#include "base/buffer.h"
#include "pack/decode.h"
#include "pack/index.h"
#include "pack/tar.h"

/** What is known of a shard before it is looked at, and what comes out. */
typedef struct opa_shard_check {
    /* in */
    char name[OPA_SHARD_NAME_SIZE];
    opa_shard_kind kind;
    const opa_pack_entry *const *entries; /**< of the index, in order of offset */
    size_t entry_count;
    bool in_manifest, in_sums;
    uint64_t samples, bytes; /**< by the manifest */
    uint8_t manifest_sha256[OPA_SHA256_SIZE], sums_sha256[OPA_SHA256_SIZE];
    bool index_sound; /**< index.tsv parsed and has the hash that SHA256SUMS gives */
    bool manifest_sound;
    bool skip_images;
    bool has_seed;
    uint64_t seed; /**< the pack's */
    /* out */
    opa_findings findings;
    bool missing;
    opa_pair_counts pairs;
    uint64_t tokens[OPA_ROLES];
    size_t decoded;                     /**< samples that are counted in pairs and tokens */
    uint8_t (*images)[OPA_SHA256_SIZE]; /**< one for each decoded sample with an image */
    size_t image_count;
    bool sums_differ;      /**< the shard is sound, its line in SHA256SUMS is not */
    bool manifest_differs; /**< the shard is sound, the manifest's hash or size is not */
} opa_shard_check;

void opa_shard_check_release(opa_shard_check *check);
/** Returns OPA_OK whatever is found, OPA_EIO, OPA_ENOMEM. @p done is raised by one for each sample. */
int opa_shard_verify(opa_context *ctx, opa_shard_check *check, int folder, _Atomic int64_t *done);

#endif
