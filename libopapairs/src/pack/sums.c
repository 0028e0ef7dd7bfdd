/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/sha256.h"
#include "pack/folder.h"

#define DIGITS ((size_t)2 * OPA_SHA256_SIZE)

static bool parse_line(opa_sum *out, opa_text line)
{
    char digits[DIGITS + 1];
    if (line.size < DIGITS + 3 || line.size - DIGITS - 2 >= sizeof out->name ||
        memcmp(line.data + DIGITS, "  ", 2) != 0)
        return false;
    memcpy(digits, line.data, DIGITS);
    digits[DIGITS] = '\0';
    *out = (opa_sum){0};
    memcpy(out->name, line.data + DIGITS + 2, line.size - DIGITS - 2);
    return opa_unhex(out->sha256, digits, OPA_SHA256_SIZE) && strlen(out->name) == line.size - DIGITS - 2 &&
           opa_folder_knows(out->name);
}

int opa_sums_parse(opa_context *ctx, opa_sums *out, opa_text bytes)
{
    size_t lines = 0;
    for (size_t i = 0; i < bytes.size; i++)
        lines += bytes.data[i] == '\n';
    *out = (opa_sums){.items = calloc(lines + 1, sizeof *out->items)};
    if (!out->items)
        return opa_fail_memory(ctx);
    for (size_t at = 0; at < bytes.size;) {
        const char *end = memchr(bytes.data + at, '\n', bytes.size - at);
        opa_sum *s = &out->items[out->count];
        if (!end || !parse_line(s, (opa_text){bytes.data + at, (size_t)(end - bytes.data) - at}))
            return opa_fail(ctx, OPA_EDATA,
                            "line %zu: 64 hexadecimal digits, two spaces and the name of a file are expected",
                            out->count + 1);
        if (out->count > 0 && strcmp(s[-1].name, s->name) >= 0)
            return opa_fail(ctx, OPA_EDATA, "line %zu: names are not ascending", out->count + 1);
        out->count++;
        at = (size_t)(end - bytes.data) + 1;
    }
    return OPA_OK;
}

void opa_sums_release(opa_sums *sums)
{
    free(sums->items);
    *sums = (opa_sums){0};
}

opa_sum *opa_sums_find(const opa_sums *sums, const char *name)
{
    for (size_t i = 0; i < sums->count; i++)
        if (strcmp(sums->items[i].name, name) == 0)
            return &sums->items[i];
    return NULL;
}

unsigned opa_digest_distance(const uint8_t a[OPA_SHA256_SIZE], const uint8_t b[OPA_SHA256_SIZE])
{
    unsigned bits = 0;
    for (size_t i = 0; i < OPA_SHA256_SIZE; i++)
        for (unsigned x = (unsigned)(a[i] ^ b[i]); x; x &= x - 1)
            bits++;
    return bits;
}
