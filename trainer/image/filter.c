/* SPDX-License-Identifier: Apache-2.0 */
#include "image/filter.h"

#include <math.h>
#include <stdlib.h>

#include <opapairs/base.h>

#define SUPPORT 2.0

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* Output @p at: which pixels, and their weights, which sum to 1. */
static void weigh(double *weights, uint32_t *first, uint32_t *count, uint32_t in, double scale, uint64_t at)
{
    const double widened = scale < 1 ? 1 : scale, support = SUPPORT * widened;
    const double center = ((double)at + 0.5) * scale;
    const double from = center - support + 0.5, to = center + support + 0.5;
    *first = from < 0 ? 0 : (uint32_t)from;
    *count = (to > in ? in : (uint32_t)to) - *first;
    double total = 0;
    for (uint32_t x = 0; x < *count; x++) {
        weights[x] = bicubic((x + (double)*first - center + 0.5) * (1 / widened));
        total += weights[x];
    }
    for (uint32_t x = 0; x < *count; x++)
        if (total != 0)
            weights[x] /= total;
}

/* Half is rounded away from zero. */
static int32_t fixed(double weight)
{
    return (int32_t)(weight * (1 << OPS_FILTER_BITS) + (weight < 0 ? -0.5 : 0.5));
}

int image_filter_init(ops_filter *filter, uint32_t in, uint64_t out, uint64_t begin, uint32_t count)
{
    const double scale = (double)in / (double)out;
    const size_t most = (size_t)ceil(SUPPORT * (scale < 1 ? 1 : scale)) * 2 + 1;
    *filter = (ops_filter){.outputs = count};
    filter->taps = (most + OPS_FILTER_UNIT - 1) / OPS_FILTER_UNIT * OPS_FILTER_UNIT;
    double *weights = malloc(most * sizeof *weights);
    filter->first = calloc(count, sizeof *filter->first);
    filter->count = calloc(count, sizeof *filter->count);
    filter->coefficients = calloc(count * filter->taps, sizeof *filter->coefficients);
    const bool memory = weights && filter->first && filter->count && filter->coefficients;
    for (uint32_t i = 0; memory && i < count; i++) {
        weigh(weights, &filter->first[i], &filter->count[i], in, scale, begin + i);
        for (uint32_t x = 0; x < filter->count[i]; x++)
            filter->coefficients[i * filter->taps + x] = fixed(weights[x]);
    }
    free(weights);
    if (!memory)
        image_filter_release(filter);
    return memory ? OPA_OK : OPA_ENOMEM;
}

void image_filter_release(ops_filter *filter)
{
    free(filter->first);
    free(filter->count);
    free(filter->coefficients);
    *filter = (ops_filter){0};
}
