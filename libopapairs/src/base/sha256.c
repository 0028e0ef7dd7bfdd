/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

void opa_sha256_of(uint8_t out[32], const void *data, size_t size)
{
    opa_sha256 h;
    opa_sha256_init(&h);
    opa_sha256_add(&h, data, size);
    opa_sha256_done(out, &h);
}

void opa_hex(char *out, const uint8_t *digest, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[2 * bytes] = '\0';
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool opa_unhex(uint8_t *out, const char *hex, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        const int high = digit(hex[2 * i]), low = high < 0 ? -1 : digit(hex[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return hex[2 * bytes] == '\0';
}
