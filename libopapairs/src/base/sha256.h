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
/** Of one run of bytes. */
void opa_sha256_of(uint8_t out[32], const void *data, size_t size);
/** The first @p bytes of a digest as lower-case hexadecimal digits, NUL-terminated; out has 2 * bytes + 1. */
void opa_hex(char *out, const uint8_t *digest, size_t bytes);
/** The reverse; false: not exactly 2 * bytes hexadecimal digits. */
bool opa_unhex(uint8_t *out, const char *hex, size_t bytes);

#endif
