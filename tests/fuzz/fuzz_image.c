/* SPDX-License-Identifier: Apache-2.0 */
/* Image probe and decoding. A PNG is also tried with all its checksums put right, or no mutation would get behind them.
 */
#include <opapairs/image.h>

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_PIXELS 65536

static void try_bytes(opa_context *ctx, opa_text bytes)
{
    opa_image_info info;
    opa_image image;
    opa_findings findings = {0};
    const int probed = opa_image_probe(ctx, &info, bytes, &findings);
    const int decoded = opa_image_decode(ctx, &image, bytes, MAX_PIXELS, &findings);
    /* What decodes was said to be whole, and has the size that the probe found. */
    if (decoded == OPA_OK && (probed != OPA_OK || !info.complete || info.end > bytes.size ||
                              image.width != info.width || image.height != info.height))
        abort();
    if (decoded != OPA_OK && image.rgb)
        abort();
    opa_image_release(&image);
    opa_findings_release(&findings);
}

static void put32(uint8_t *to, uint32_t v)
{
    for (int k = 0; k < 4; k++)
        to[k] = (uint8_t)(v >> (24 - 8 * k));
}

static void mend(uint8_t *s, size_t size)
{
    for (size_t at = 8; size >= 12 && at <= size - 12;) {
        const size_t n = (size_t)s[at] << 24 | (size_t)s[at + 1] << 16 | (size_t)s[at + 2] << 8 | s[at + 3];
        if (n > size - at - 12)
            return;
        put32(s + at + 8 + n, (uint32_t)crc32(0, s + at + 4, (uInt)n + 4));
        at += n + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    opa_context *ctx;
    if (opa_context_new(&ctx) != OPA_OK)
        return 0;
    try_bytes(ctx, (opa_text){(const char *)data, size});
    if (size > 8 && memcmp(data, "\x89PNG", 4) == 0) {
        uint8_t *copy = malloc(size);
        if (copy) {
            memcpy(copy, data, size);
            mend(copy, size);
            try_bytes(ctx, (opa_text){(const char *)copy, size});
            free(copy);
        }
    }
    opa_context_free(ctx);
    return 0;
}
