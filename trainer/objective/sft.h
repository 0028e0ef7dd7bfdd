/* SPDX-License-Identifier: Apache-2.0 */
/** @file sft.h
 *  Supervised fine-tuning: L = -sum of log p over all target tokens / their number.
 */
#ifndef OPATRAIN_OBJECTIVE_SFT_H
#define OPATRAIN_OBJECTIVE_SFT_H

#include <stddef.h>

/** Add a response of @p count targets; @p scale is 1 / targets of the mean. slope [count] receives d total / d log p.
 *  Returns its part of the loss. */
double sft_add(double *slope, const double *logp, size_t count, double scale);

#endif
