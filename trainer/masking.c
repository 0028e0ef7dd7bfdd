/* SPDX-License-Identifier: Apache-2.0 */
#include "masking.h"

#include <stdlib.h>
#include <string.h>

float mask_fill(const float *pixels, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)pixels[i];
    return (float)(sum / (double)n);
}

/* Fill the square of @p side pixels at place @p at of a grid of such squares. */
static void fill_square(float *out, size_t size, size_t side, size_t at, float value)
{
    const size_t across = size / side, y0 = at / across * side, x0 = at % across * side;
    for (size_t channel = 0; channel < 3; channel++) {
        for (size_t y = y0; y < y0 + side; y++) {
            for (size_t x = x0; x < x0 + side; x++)
                out[(channel * size + y) * size + x] = value;
        }
    }
}

int mask_apply(struct trainer *t, float *out, const float *pixels, size_t size, size_t patch, const struct mask *mask)
{
    const size_t side = mask->method == MASK_PATCHES ? patch : 1, across = size / side, n = across * across;
    const float fill = mask_fill(pixels, 3 * size * size);
    memcpy(out, pixels, 3 * size * size * sizeof *out);
    if (mask->method == MASK_NONE)
        return OPA_OK;
    uint32_t *positions = malloc((n + 1) * sizeof *positions);
    if (positions == NULL)
        return trainer_fail_memory(t);
    const size_t k = opa_mask_draw(positions, (uint32_t)n, mask->ratio, mask->seed);
    for (size_t i = 0; i < k; i++)
        fill_square(out, size, side, positions[i], fill);
    free(positions);
    return OPA_OK;
}

size_t mask_place(struct mask *masks, size_t *count, const struct mask *mask)
{
    size_t i = 0;
    while (i < *count &&
           !(masks[i].method == mask->method && masks[i].ratio == mask->ratio && masks[i].seed == mask->seed))
        i++;
    if (i == *count)
        masks[(*count)++] = *mask;
    return i;
}
