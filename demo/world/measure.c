/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <math.h>
#include <stddef.h>

/* clang-format off */
#define MEASURE(key) {#key, offsetof(struct measures, key)}
/* clang-format on */
const struct measure_name measure_names[MEASURES] = {
    MEASURE(hal_rate), MEASURE(hal_rate_error), MEASURE(cover),    MEASURE(cover_error),      MEASURE(chair),
    MEASURE(chair_i),  MEASURE(words),          MEASURE(mentions), MEASURE(attribute_errors),
};

struct estimate estimate_of(const double *values, size_t count)
{
    const double n = (double)count;
    double mean = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        mean += values[i] / n;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return (struct estimate){100 * mean, count > 1 ? 100 * sqrt(squares / (n - 1) / n) : 0};
}

static int bits(uint32_t set)
{
    int n = 0;
    for (; set != 0; set &= set - 1)
        n++;
    return n;
}

static void add_attributes(struct tally *t, const struct scene *scene, const struct claim *claim)
{
    const struct object *o = claim->kind >= 0 ? scene_find(scene, claim->kind) : NULL;
    if (o == NULL)
        return;
    t->described++;
    t->misdescribed +=
        (claim->colour >= 0 && claim->colour != o->colour) || (claim->column >= 0 && claim->column != o->column);
}

struct outcome tally_add(struct tally *t, const struct scene *scene, opa_text answer)
{
    const uint32_t there = scene_kinds(scene);
    uint32_t named = 0;
    opa_text sentence;
    opa_span word;
    for (size_t at = 0; next_word(&word, answer, &at);)
        t->words++;
    while (next_sentence(&sentence, &answer)) {
        const struct claim claim = claim_of(sentence);
        named |= claim.kinds;
        add_attributes(t, scene, &claim);
    }
    const int mentions = bits(named), invented = bits(named & ~there);
    const double cover = (double)bits(named & there) / scene->count;
    t->answers++;
    t->with_invented += invented > 0;
    t->invented += invented;
    t->mentions += mentions;
    t->chair += mentions ? (double)invented / mentions : 0;
    t->cover += cover;
    t->cover_squares += cover * cover;
    return (struct outcome){invented > 0, cover};
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

struct measures tally_measures(const struct tally *t)
{
    const double n = (double)t->answers;
    const double hal = share((double)t->with_invented, n), cover = share(t->cover, n);
    return (struct measures){
        .hal_rate = 100 * hal,
        .hal_rate_error = 100 * sqrt(share(hal * (1 - hal), n)),
        .chair = 100 * share(t->chair, n),
        .chair_i = 100 * share((double)t->invented, (double)t->mentions),
        .cover = 100 * cover,
        .cover_error = 100 * sqrt(share(fmax(share(t->cover_squares, n) - cover * cover, 0), n)),
        .attribute_errors = 100 * share((double)t->misdescribed, (double)t->described),
        .words = share((double)t->words, n),
        .mentions = share((double)t->mentions, n),
        .answers = t->answers,
    };
}
