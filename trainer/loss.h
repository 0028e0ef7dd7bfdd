/* SPDX-License-Identifier: Apache-2.0 */
/** @file loss.h
 *  What an update minimises, over examples: from the log-probs of their views to terms, total and slopes.
 */
#ifndef OPATRAIN_LOSS_H
#define OPATRAIN_LOSS_H

#include "example.h"

/** objective NULL: SFT, whose loss is a mean over target tokens. */
struct loss {
    const struct objective *objective;
    struct coefficients c;
    bool micro_batch_mean; /**< SFT: the mean of the micro-batches' means, as Hugging Face's trainer */
};

/** What the means of an update are over; examples' add up. */
struct loss_counts {
    struct objective_counts objective;
    size_t targets;
    size_t micro_batches; /**< only for micro_batch_mean */
};
void loss_count(const struct loss *loss, struct loss_counts *counts, const struct example *example);

/** What is said of an update or of an evaluation. Sums over language pairs; divide by pairs. */
struct loss_report {
    struct terms terms;
    size_t pairs;
    double chosen, rejected;               /**< log-probs of whole responses */
    double reward_chosen, reward_rejected; /**< beta * (log p - log p_ref) */
    double right;                          /**< pairs whose chosen response has the larger reward */
};

/** Add the report of other examples of the same mean. */
void loss_report_add(struct loss_report *report, const struct loss_report *other);

/** Add one example: slopes of its views (what they held is replaced) and its part of the report. @p counts are those of the
 *  whole update; for micro_batch_mean targets are the micro-batch's. */
void loss_add(const struct loss *loss, const struct loss_counts *counts, struct example *example,
              struct loss_report *report);

#endif
