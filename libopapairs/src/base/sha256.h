/* SPDX-License-Identifier: Apache-2.0 */
/** @file sha256.h
 *  SHA-256 by a library that uses the CPU's instructions.
 */
#ifndef OPA_BASE_SHA256_H
#define OPA_BASE_SHA256_H

#include <nettle/sha2.h>

#include <opapairs/base.h>

typedef struct sha256_ctx opa_sha256;

static inline void opa_sha256_init(opa_sha256 *h)
{
    sha256_init(h);
}
static inline void opa_sha256_add(opa_sha256 *h, const void *data, size_t size)
{
    sha256_update(h, size, (const uint8_t *)data);
}
static inline void opa_sha256_done(uint8_t out[32], opa_sha256 *h)
{
    sha256_digest(h, 32, out);
}

/** A whole and, one after the other, its parts, hashed in one pass. Processors with instructions for SHA-256 wait for
 * the result of each; two hashes of the same bytes fill that time, and share half of the work: the pair costs little
 * more than one. Parts should begin at multiples of 64 bytes, else there is no gain. */
typedef struct opa_sha256_both {
    opa_sha256 whole, part;
    bool fast; /**< the processor has these instructions */
} opa_sha256_both;

void opa_sha256_both_init(opa_sha256_both *b);
/** Add to the whole and to the part. */
void opa_sha256_both_add(opa_sha256_both *b, const void *data, size_t size);
/** The digest of the part; the next one begins. */
void opa_sha256_both_part(uint8_t out[32], opa_sha256_both *b);
/** The digest of the whole. */
void opa_sha256_both_done(uint8_t out[32], opa_sha256_both *b);

/** Of one run of bytes. */
void opa_sha256_of(uint8_t out[32], const void *data, size_t size);
/** The first @p bytes of a digest as lower-case hexadecimal digits, NUL-terminated; out has 2 * bytes + 1. */
void opa_hex(char *out, const uint8_t *digest, size_t bytes);
/** The reverse; false: not exactly 2 * bytes hexadecimal digits. */
bool opa_unhex(uint8_t *out, const char *hex, size_t bytes);

#endif
