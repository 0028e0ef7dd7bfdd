/* SPDX-License-Identifier: Apache-2.0 */
#include "sampling.h"

#include <math.h>
#include <stdlib.h>

/* Equal logits stand with the larger id first, as behind a stable ascending sort. (torch's is not stable: which of several
 * equal logits fall at top-p's border is nobody's promise; how many fall is.) */
static int likelier(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->weight != y->weight ? (x->weight < y->weight) - (x->weight > y->weight)
                                  : (x->id < y->id) - (x->id > y->id);
}

static void to_probabilities(struct candidate *list, size_t count)
{
    double sum = 0;
    const double largest = list[0].weight;
    for (size_t i = 0; i < count; i++)
        sum += list[i].weight = exp(list[i].weight - largest);
    for (size_t i = 0; i < count; i++)
        list[i].weight /= sum;
}

/* The list is sorted, likeliest first. */
static size_t keep_top_k(const struct candidate *list, size_t count, size_t k)
{
    if (k == 0 || k >= count)
        return count;
    while (k < count && list[k].weight == list[k - 1].weight)
        k++;
    return k;
}

/* transformers sorts upwards and drops while the mass so far is at most 1 - p: what is left of the tail decides. */
static size_t keep_top_p(const struct candidate *list, size_t count, double p)
{
    double tail = 0;
    if (p >= 1)
        return count;
    while (count > 1 && tail + list[count - 1].weight <= 1 - p)
        tail += list[--count].weight;
    return count;
}

void sampling_distribution(struct candidate *out, size_t *count, const float *logits, size_t size,
                           const struct sampling *sampling)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (struct candidate){(int32_t)i, (double)(logits[i] / (float)sampling->temperature)};
    qsort(out, size, sizeof *out, likelier);
    size_t n = keep_top_k(out, size, sampling->top_k);
    to_probabilities(out, n);
    const size_t kept = keep_top_p(out, n, sampling->top_p);
    if (kept < n) {
        double sum = 0;
        for (size_t i = 0; i < kept; i++)
            sum += out[i].weight;
        for (size_t i = 0; i < kept; i++)
            out[i].weight /= sum;
    }
    *count = kept;
}

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int32_t largest(const float *logits, size_t size)
{
    size_t best = 0;
    for (size_t i = 1; i < size; i++) {
        if (logits[i] > logits[best])
            best = i;
    }
    return (int32_t)best;
}

int32_t sampling_draw(const float *logits, size_t size, const struct sampling *sampling, struct candidate *scratch,
                      uint64_t *state)
{
    size_t count;
    if (sampling->temperature <= 0)
        return largest(logits, size);
    sampling_distribution(scratch, &count, logits, size, sampling);
    double u = (double)(random_next(state) >> 11) * 0x1p-53;
    for (size_t i = 0; i + 1 < count; i++) {
        if (u < scratch[i].weight)
            return scratch[i].id;
        u -= scratch[i].weight;
    }
    return scratch[count - 1].id;
}
