/* SPDX-License-Identifier: Apache-2.0 */
/* How much a model makes up (CHAIR, arXiv 1809.02156; HalRate and Cover as in AMBER, arXiv 2311.07397) and how much it
 * says. Low hallucination means nothing without Cover: who says nothing makes nothing up. */
#ifndef MICROWORLD_MEASURE_H
#define MICROWORLD_MEASURE_H

#include "sentence.h"

/* A share of something and its standard error, in per cent. */
struct estimate {
    double value, error;
};
/* The mean of @p values, which are shares of 1, and its error; of a single value 0. */
struct estimate estimate_of(const double *values, size_t count);

/* What one answer adds to the rates. */
struct outcome {
    double invents; /* 1: it names an object that is not there; else 0 */
    double covers;  /* share of the scene's objects that it names */
};

/* Sums over answers; {0} begins. */
struct tally {
    int64_t answers, with_invented, invented, mentions, words;
    int64_t described, misdescribed; /* mentions of what is there; of these with a wrong colour or place */
    double chair, cover, cover_squares;
};
struct outcome tally_add(struct tally *t, const struct scene *scene, opa_text answer);

/* All in per cent, but words and mentions. */
struct measures {
    double hal_rate;         /* answers with at least one invented object */
    double hal_rate_error;   /* its standard error */
    double chair;            /* invented among the objects of an answer, mean over answers */
    double chair_i;          /* invented among all objects mentioned */
    double cover;            /* objects of the scene that are mentioned, mean over answers */
    double cover_error;      /* its standard error */
    double attribute_errors; /* wrong colour or place among mentions of what is there */
    double words, mentions;  /* of an answer */
    int64_t answers;
};
struct measures tally_measures(const struct tally *t);

/* The measures by name, for JSON. */
struct measure_name {
    const char *key; /* "hal_rate" */
    size_t offset;   /* of the double in struct measures */
};
enum { MEASURES = 9 };
extern const struct measure_name measure_names[MEASURES];

#endif
