/* SPDX-License-Identifier: Apache-2.0 */
/** @file index.h
 *  index.tsv: one line a sample, sorted by key, no heading: key, id (as inside a JSON string), shard, offset, size,
 * SHA-256.
 */
#ifndef OPA_PACK_INDEX_H
#define OPA_PACK_INDEX_H

#include <opapairs/pack.h>

#include "base/arena.h"
#include "base/buffer.h"

/** No sample is larger than this in a pack. */
#define OPA_PACK_MAX_RANGE ((uint64_t)1 << 30)

/** {0} is an empty one. */
typedef struct opa_index {
    opa_pack_entry *entries;
    size_t count;
    uint32_t *by_id;   /**< places of the entries in order of id */
    opa_arena *memory; /**< owns ids that had to be unescaped */
} opa_index;

/** Parse; texts are borrowed from @p bytes where they stand as they are. OPA_EDATA: the message names the line. Every
 * range is below OPA_PACK_MAX_RANGE, every shard name is one, keys and ids are unique. */
int opa_index_parse(opa_context *ctx, opa_index *out, opa_text bytes);
void opa_index_release(opa_index *index);
/** By id, else by key. */
bool opa_index_find(const opa_index *index, size_t *out, opa_text id_or_key);

/** Append the line of an entry. */
int opa_index_add_line(opa_context *ctx, opa_buffer *out, const opa_pack_entry *entry);

#endif
