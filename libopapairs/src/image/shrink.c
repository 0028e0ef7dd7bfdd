/* SPDX-License-Identifier: Apache-2.0 */
#include "image/shrink.h"

#include <stdlib.h>
#include <string.h>

static uint32_t scaled(uint64_t side, uint64_t to, uint64_t from)
{
    const uint64_t n = (side * to + from / 2) / from;
    return (uint32_t)(n > 0 ? n : 1);
}

void opa_image_fit(uint32_t out[2], uint32_t width, uint32_t height, uint32_t most_width, uint32_t most_height)
{
    out[0] = width;
    out[1] = height;
    if (width <= most_width && height <= most_height)
        return;
    if ((uint64_t)width * most_height >= (uint64_t)height * most_width) {
        out[0] = most_width;
        out[1] = scaled(height, most_width, width);
    } else {
        out[0] = scaled(width, most_height, height);
        out[1] = most_height;
    }
}

/* Add a row of the image to the sums of the columns that it falls into. */
static void add_row(uint64_t *sums, const uint8_t *row, uint32_t from, uint32_t to)
{
    for (uint32_t x = 0; x < to; x++, sums += 3) {
        const uint32_t end = (uint32_t)((uint64_t)(x + 1) * from / to);
        for (uint32_t i = (uint32_t)((uint64_t)x * from / to); i < end; i++) {
            sums[0] += row[3 * (size_t)i];
            sums[1] += row[3 * (size_t)i + 1];
            sums[2] += row[3 * (size_t)i + 2];
        }
    }
}

static void mean_row(uint8_t *out, const uint64_t *sums, uint32_t from, uint32_t to, uint64_t rows)
{
    for (uint32_t x = 0; x < to; x++) {
        const uint64_t columns = (uint64_t)(x + 1) * from / to - (uint64_t)x * from / to, area = columns * rows;
        for (uint32_t k = 0; k < 3; k++)
            out[3 * (size_t)x + k] = (uint8_t)((sums[3 * (size_t)x + k] + area / 2) / area);
    }
}

int opa_image_shrink(opa_image *out, const opa_image *image, uint32_t width, uint32_t height)
{
    const size_t stride = (size_t)image->width * 3;
    uint64_t *sums = malloc((size_t)width * 3 * sizeof *sums);
    *out = (opa_image){width, height, malloc((size_t)width * height * 3)};
    if (!sums || !out->rgb) {
        free(sums);
        opa_image_release(out);
        return OPA_ENOMEM;
    }
    for (uint32_t y = 0; y < height; y++) {
        const uint32_t begin = (uint32_t)((uint64_t)y * image->height / height);
        const uint32_t end = (uint32_t)((uint64_t)(y + 1) * image->height / height);
        memset(sums, 0, (size_t)width * 3 * sizeof *sums);
        for (uint32_t i = begin; i < end; i++)
            add_row(sums, image->rgb + i * stride, image->width, width);
        mean_row(out->rgb + (size_t)y * width * 3, sums, image->width, width, end - begin);
    }
    free(sums);
    return OPA_OK;
}
