/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void finish(char out[IDENTITY_SIZE], struct sha256_ctx *sha)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(sha, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void identity_of_bytes(char out[IDENTITY_SIZE], const void *bytes, size_t size)
{
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, size, bytes);
    finish(out, &sha);
}

void identity_of_weights(char out[IDENTITY_SIZE], const struct safetensors *st)
{
    enum { ENDS = 4096 };
    struct sha256_ctx sha;
    sha256_init(&sha);
    for (size_t i = 0; i < st->count; i++) {
        const struct tensor *tensor = &st->tensors[i];
        char text[512], shape[160];
        const int n = snprintf(text, sizeof text, "%.200s %s %s %llu\n", tensor->name, tensor->dtype,
                               tensor_shape_text(shape, tensor->shape, tensor->rank), (unsigned long long)tensor->size);
        const size_t part = tensor->size < ENDS ? tensor->size : ENDS;
        sha256_update(&sha, (size_t)n, (const uint8_t *)text);
        sha256_update(&sha, part, tensor->data);
        sha256_update(&sha, part, (const uint8_t *)tensor->data + tensor->size - part);
    }
    finish(out, &sha);
}

bool identity_of_pack(char out[IDENTITY_SIZE], const opa_pack *pack)
{
    const size_t count = opa_pack_count(pack);
    uint8_t *sums = malloc((count + 1) * OPA_SHA256_SIZE);
    if (sums == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        memcpy(sums + i * OPA_SHA256_SIZE, opa_pack_at(pack, i)->sha256, OPA_SHA256_SIZE);
    identity_of_bytes(out, sums, count * OPA_SHA256_SIZE);
    free(sums);
    return true;
}
