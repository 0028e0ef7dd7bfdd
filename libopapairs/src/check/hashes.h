/* SPDX-License-Identifier: Apache-2.0 */
/** @file hashes.h
 *  A map from hashes to small records, for comparing all samples with one another without keeping them.
 */
#ifndef OPA_CHECK_HASHES_H
#define OPA_CHECK_HASHES_H

#include <opapairs/base.h>

/** The first bytes of a SHA-256: enough that two texts never share them by chance. */
typedef struct opa_hash {
    uint64_t high, low;
} opa_hash;

/** What is known of one hash. */
typedef struct opa_hash_entry {
    opa_hash key;
    opa_hash value;  /**< of the first holder; the map's user says of what */
    uint32_t first;  /**< number of the first sample that has it */
    uint32_t second; /**< number of the next one, when count > 1 */
    uint32_t count;  /**< samples that have it; 0 marks a free slot */
} opa_hash_entry;

/** Open addressing with linear probing, a power of two, at most two thirds full. {0} is an empty map. */
typedef struct opa_hashes {
    opa_hash_entry *slots;
    size_t capacity, count;
} opa_hashes;

void opa_hashes_release(opa_hashes *map);
/** The entry of @p key, made with count 0 where there is none; the caller fills it and raises count before the next
 * call. NULL: out of memory. Valid until the next call. */
opa_hash_entry *opa_hashes_add(opa_hashes *map, opa_hash key);
/** The entry of @p key, or NULL. */
const opa_hash_entry *opa_hashes_find(const opa_hashes *map, opa_hash key);

opa_hash opa_hash_of_digest(const uint8_t digest[32]);
opa_hash opa_hash_of_text(opa_text text);
static inline bool opa_hash_equal(opa_hash a, opa_hash b)
{
    return a.high == b.high && a.low == b.low;
}

#endif
