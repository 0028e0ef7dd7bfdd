/* SPDX-License-Identifier: Apache-2.0 */
/** @file update.h
 *  One update of the parameters from several micro-batches:
 *
 *      update_begin()                       gradients are 0
 *      update_add() for each micro-batch    forward, loss, backward
 *      update_end()                         norm, clipping, AdamW
 */
#ifndef OPATRAIN_UPDATE_H
#define OPATRAIN_UPDATE_H

#include "loss.h"
#include "optimiser.h"

struct update {
    struct trainer *t;
    const struct model *model;
    struct params *params;
    struct train *train;
    struct optimiser *optimiser;
    const struct loss *loss;
    /* of the update under way */
    struct loss_counts counts;
    struct loss_report report;
    double norm; /**< of the gradient, before clipping; known behind update_end() */
};

/** @p counts are those of all the examples that will be added. */
void update_begin(struct update *u, const struct loss_counts *counts);
/** @p examples are linked, and references filled where the loss needs them. OPA_EDATA: a log-prob or a
 *  slope is not finite; sample, response and layer are named. */
int update_add(struct update *u, struct example *const *examples, size_t count);
/** The same without gradients, for evaluation. */
int update_look(struct update *u, struct example *const *examples, size_t count);
/** OPA_EDATA: the gradient is not finite, or the weights that the step made are not. */
int update_end(struct update *u, double rate);

#endif
