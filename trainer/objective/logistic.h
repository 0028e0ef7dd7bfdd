/* SPDX-License-Identifier: Apache-2.0 */
/** @file logistic.h
 *  -log sigmoid and its slope, in float64 and without overflow. For objectives.
 */
#ifndef OPATRAIN_OBJECTIVE_LOGISTIC_H
#define OPATRAIN_OBJECTIVE_LOGISTIC_H

#include <math.h>

/** 1 / (1 + exp(-z)) */
static inline double sigmoid(double z)
{
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/** -log sigmoid(z); its slope is -sigmoid(-z). */
static inline double minus_log_sigmoid(double z)
{
    return z >= 0 ? log1p(exp(-z)) : -z + log1p(exp(z));
}

#endif
