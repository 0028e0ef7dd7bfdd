/* SPDX-License-Identifier: Apache-2.0 */
/* The base's own abstention curve: from its likeliest answers every sentence is deleted whose object word has less than a
 * least probability. So much less hallucination comes from saying less alone; what lies below the curve tells right from
 * wrong better than the base, as far as the errors of both allow to say so. */
#ifndef MICROWORLD_CURVE_H
#define MICROWORLD_CURVE_H

#include "answers.h"
#include "measure.h"

enum { CURVE_POINTS = 20 };

struct curve_point {
    double least; /* probability: 0, 0.05 ... 0.95 */
    struct measures measures;
};

/* @p answers in order of id; @p scores: opatrain score over a pack of them. 0, or an exit code. */
int curve_make(struct cli *cli, struct curve_point out[CURVE_POINTS], const struct answers *answers, const char *scores,
               const opa_tokenizer *tokenizer);
/* The least HalRate of the curve at this Cover, between two points on a straight line; false: beyond its ends. */
bool curve_hal_rate(double *out, const struct curve_point curve[CURVE_POINTS], double cover);

#endif
