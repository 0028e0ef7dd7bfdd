/* SPDX-License-Identifier: Apache-2.0 */
/** @file manifest.h
 *  manifest.json: what a pack holds and what it was made from; schemas/manifest.schema.json.
 */
#ifndef OPA_PACK_MANIFEST_H
#define OPA_PACK_MANIFEST_H

#include <opapairs/pack.h>

#include "pairs/recipe.h"

#define OPA_PACK_SCHEMA_VERSION 1

typedef struct opa_shard {
    char *name;
    uint64_t samples, bytes;
    uint8_t sha256[OPA_SHA256_SIZE];
} opa_shard;

/** A sample that is left out, or something that is to be said about one. Strings are owned. */
typedef struct opa_remark {
    int code;
    char *id_json; /**< the id as a JSON string */
    char *text;
} opa_remark;

typedef struct opa_remarks {
    opa_remark *items;
    size_t count, capacity;
} opa_remarks;

/** Everything in the manifest; {0} is an empty one. */
typedef struct opa_manifest {
    const opa_recipe *recipe;
    const opa_tokenizer *tokenizer;
    int32_t eos;
    uint64_t seed;
    uint64_t samples, images;
    opa_pair_counts pairs;
    uint64_t tokens[OPA_ROLES];
    opa_shard *shards; /**< in order of name */
    size_t shard_count, shard_capacity;
    opa_remarks left_out, flagged;
} opa_manifest;

void opa_manifest_release(opa_manifest *m);
int opa_manifest_remark(opa_context *ctx, opa_remarks *list, opa_text id, int code, const char *text);
/** A new shard, zeroed, with its name; NULL: out of memory. Borrowed until the next one. */
opa_shard *opa_manifest_shard(opa_manifest *m, const char *name);
/** OPA_EVERSION: the pack has the schema version @p version, which is newer than ours. */
int opa_manifest_fail_newer(opa_context *ctx, int64_t version);
/** Sort the shards and write the document: one line and a line feed. */
int opa_manifest_write(opa_context *ctx, opa_json_writer *w, opa_manifest *m, opa_text *out);

#endif
