/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/sample.h>

#include <string.h>

#include "base/sha256.h"

enum { LONGEST = 80, KEPT = 60, HASH_BYTES = 6 };

static bool allowed(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

void opa_sample_key(char out[OPA_KEY_SIZE], opa_text id)
{
    size_t plain = 0;
    while (plain < id.size && allowed(id.data[plain]))
        plain++;
    if (plain == id.size && id.size > 0 && id.size <= LONGEST) {
        memcpy(out, id.data, id.size);
        out[id.size] = '\0';
        return;
    }
    const size_t kept = id.size < KEPT ? id.size : KEPT;
    for (size_t i = 0; i < kept; i++)
        out[i] = id.data[i];
    for (size_t i = 0; i < kept; i++)
        out[i] = allowed(out[i]) ? out[i] : '_';
    uint8_t digest[OPA_SHA256_SIZE];
    opa_sha256_of(digest, id.data, id.size);
    out[kept] = '-';
    opa_hex(out + kept + 1, digest, HASH_BYTES);
}
