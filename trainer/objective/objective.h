/* SPDX-License-Identifier: Apache-2.0 */
/** @file objective.h
 *  From per-token log-probs to a loss and its slope at every token. Nothing here knows a model: the backward pass begins with
 *  these slopes.
 *
 *  A sample gives *pairs*; D[t] = log p(t) - log p_ref(t). An objective says what a pair costs and what its terms weigh:
 *
 *      language   chosen over rejected, under the same image
 *      image      a response under the clean image over the same under the masked one
 *      anchor     a response whose D shall not fall
 *
 *  paper, release   OPA-DPO as published and as released (paper.h, release.h): all three types
 *  the others       a function of two scores a language pair (pairwise.h)
 *  SFT              needs no pairs (sft.h)
 *
 *  All arithmetic is in float64: `release` averages 896 positions a sample near log 2, where float32 sums alone cost 1e-6.
 */
#ifndef OPATRAIN_OBJECTIVE_OBJECTIVE_H
#define OPATRAIN_OBJECTIVE_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>

/** A response under one version of its image. */
struct objective_side {
    const double *policy;    /**< [count] log-probs */
    const double *reference; /**< [count]; NULL where the objective needs none */
    const double *weights;   /**< [count]; NULL: all 1 */
    double *slope;           /**< [count] d total / d policy, added to */
    size_t count;
};

enum pair_type { PAIR_LANGUAGE, PAIR_IMAGE, PAIR_ANCHOR, PAIR_TYPES };
/** "language", "image", "anchor". Static storage. */
const char *pair_type_name(enum pair_type type);

struct objective_pair {
    enum pair_type type;
    bool ground_truth;              /**< the chosen response is the ground truth, not the revised one */
    struct objective_side chosen;   /**< image: under the clean image */
    struct objective_side rejected; /**< image: under the masked one; anchor: unused */
};

/** Every number that a loss has beside the log-probs. Objectives read those that objective.coefficients lists. */
struct coefficients {
    double beta;            /**< how far from the reference */
    double gamma1, gamma2;  /**< of image pairs and of anchors */
    double delta;           /**< the anchors' threshold */
    double label_smoothing; /**< share of pairs whose order is wrong */
    double margin;          /**< SimPO's gamma */
    double lambda;          /**< ORPO's weight of the odds ratio */
    double alpha;           /**< RPO's weight of the chosen response's negative log-likelihood */
    double response_length; /**< `release`: positions that a response is padded to */
    double severity;        /**< HSA-DPO's S of the rejected response */
};

/** What is reported of an update, each a mean in the objective's own unit. */
enum term {
    TERM_LC1,        /**< language: ground truth over generated */
    TERM_LC2,        /**< language: revised over generated */
    TERM_IF1,        /**< image: ground truth */
    TERM_IF2,        /**< image: revised */
    TERM_ANCHOR_GT,  /**< anchor: ground truth; `release`: with its factor 2 */
    TERM_ANCHOR_REV, /**< anchor: revised; `release`: with its factor 2 and its sign */
    TERM_PREFERENCE, /**< language pairs of the pairwise objectives */
    TERM_NLL,        /**< the chosen response's negative log-likelihood a token (RPO, ORPO) */
    TERM_COUNT
};
/** "lc1", "lc2" ... as the log spells them. Static storage. */
const char *term_name(enum term term);

struct terms {
    double value[TERM_COUNT];
    bool used[TERM_COUNT];
    double total; /**< what is minimised */
};

/** What the mean of an update is over. */
enum objective_unit { UNIT_SAMPLE, UNIT_POSITION, UNIT_PAIR };

struct pairwise;

struct objective {
    const char *name;
    const char *says; /**< one line for --help */
    enum objective_unit unit;
    bool reference;         /**< needs a reference's log-probs */
    bool needs[PAIR_TYPES]; /**< pair types without which it is not itself; those it does not need it does not use */
    bool weighted;          /**< a language pair without weights has no meaning for it */
    const struct pairwise *row; /**< of a pairwise objective; NULL: paper, release */
    struct coefficients defaults;
    const char *source; /**< of the defaults, for --help and run.json */
};

/** The objectives that packs can feed, in the order of --help. NULL ends it. */
const struct objective *const *objective_list(void);
/** By name, or NULL. */
const struct objective *objective_find(const char *name);

/** What an update consists of, before its first micro-batch. */
struct objective_counts {
    size_t samples;
    size_t pairs; /**< language pairs */
};
/** The factor of every pair of such an update: gradients do not depend on how its samples are grouped. */
double objective_scale(const struct objective *o, const struct coefficients *c, struct objective_counts counts);

/** Add a pair: its value to @p terms and its slopes to the sides'. Types that the objective does not use are passed over. */
void objective_add(const struct objective *o, const struct coefficients *c, double scale,
                   const struct objective_pair *pair, struct terms *terms);

/** Sum of weights * (policy - reference), the reference's part only where it is there. */
double side_score(const struct objective_side *side);
/** slope += factor * weights */
void side_push(const struct objective_side *side, double factor);

#endif
