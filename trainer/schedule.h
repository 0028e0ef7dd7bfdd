/* SPDX-License-Identifier: Apache-2.0 */
/** @file schedule.h
 *  The learning rate of each update, as Hugging Face's schedules compute it (transformers/optimization.py): linear warm-up,
 *  then a curve down to 0. The first update with warm-up has rate 0; the moments of AdamW are updated all the same.
 */
#ifndef OPATRAIN_SCHEDULE_H
#define OPATRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum schedule_kind { SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_CONSTANT };

struct schedule {
    enum schedule_kind kind;
    double rate;    /**< at its highest */
    int64_t warmup; /**< updates */
    int64_t total;  /**< updates, warm-up included */
};

/** "cosine", "linear", "constant". false: none of these. */
bool schedule_parse(enum schedule_kind *out, const char *name);
const char *schedule_name(enum schedule_kind kind);

/** The rate of update @p step, counted from 0. */
double schedule_rate(const struct schedule *s, int64_t step);

#endif
