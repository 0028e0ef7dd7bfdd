/* SPDX-License-Identifier: Apache-2.0 */
/* The base's own abstention curve: from its likeliest answers every sentence is deleted whose object word has less than a
 * least probability. So much less hallucination comes from saying less alone; what lies below the curve tells right from
 * wrong better than the base, as far as the errors of both allow to say so. */
#ifndef MICROWORLD_CURVE_H
#define MICROWORLD_CURVE_H

#include "answers.h"
#include "measure.h"

enum { CURVE_POINTS = 20 };

struct curve_point {          /* point i: the least probability is i / CURVE_POINTS */
    double hal_rate, cover;   /* shares of 1 */
    struct outcome *outcomes; /* of each scene, in the order of base */
};

/* {0}; released with curve_release(). */
struct curve {
    const struct answers *base; /* in order of id; borrowed */
    struct curve_point points[CURVE_POINTS];
};

/* @p scores: opatrain score over a pack of @p base. An answer that is not in it, for a pack leaves loops out, stays whole
 * at every point. 0, or an exit code; to be released either way. */
int curve_make(struct cli *cli, struct curve *out, const struct answers *base, const char *scores,
               const opa_tokenizer *tokenizer);
void curve_release(struct curve *c);

/* How far a system's HalRate lies over the least of the curve at its Cover, between two points on a straight line, as
 * what each scene adds: the mean of @p out is the excess, and its standard error counts that the scenes are the same for
 * both. @p outcomes of the system, @p out: one a scene. False: the Cover lies beyond the curve's ends. */
bool curve_excess(double *out, const struct curve *c, const struct outcome *outcomes);

#endif
