/* SPDX-License-Identifier: Apache-2.0 */
/** @file sums.h
 *  SHA256SUMS: "digest, two spaces, name" a line, sorted by name; what sha256sum -c reads.
 */
#ifndef OPA_PACK_SUMS_H
#define OPA_PACK_SUMS_H

#include <opapairs/pack.h>

#include "pack/tar.h"

typedef struct opa_sum {
    char name[OPA_SHARD_NAME_SIZE];
    uint8_t sha256[OPA_SHA256_SIZE];
    bool seen;
} opa_sum;

/** {0} is an empty one. */
typedef struct opa_sums {
    opa_sum *items;
    size_t count;
} opa_sums;

/** Parse; names other than those of a pack's files are refused. OPA_EDATA: the message names the line; what stands
 * before it is in *out all the same. */
int opa_sums_parse(opa_context *ctx, opa_sums *out, opa_text bytes);
void opa_sums_release(opa_sums *sums);
/** The line of a file, or NULL. */
opa_sum *opa_sums_find(const opa_sums *sums, const char *name);

/** Bits in which two digests differ. A file that was altered has another digest in half of its bits; a digest that was
 * altered itself differs from the file's in the few that were flipped. */
unsigned opa_digest_distance(const uint8_t a[OPA_SHA256_SIZE], const uint8_t b[OPA_SHA256_SIZE]);
#define OPA_DIGEST_NEAR 24

#endif
