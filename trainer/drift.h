/* SPDX-License-Identifier: Apache-2.0 */
/** @file drift.h
 *  What merging an adapter costs, in log-probs: the responses of packs under the base, under base and adapter, and under the
 *  merged checkpoint. The first distance is what the adapter does, the second is what merging undoes or adds.
 */
#ifndef OPATRAIN_DRIFT_H
#define OPATRAIN_DRIFT_H

#include "example.h"

/** |log p - log p'| of tokens. */
struct drift_distance {
    double sum, most;
};

/** Three sessions are the caller's to set, and the prompter; zero the rest. */
struct drift {
    struct session base, adapted, merged;
    struct prompter *prompter;
    struct example examples[3]; /* under each of the sessions */
    size_t tokens, samples;
    struct drift_distance adapter, merge;
};

/** Count sample @p i: all its responses under the clean image, in the canonical prompt. OPA_ERECORD: it cannot be scored;
 *  OPA_EDATA: a log-prob is not finite. */
int drift_add(struct trainer *t, struct drift *d, const struct dataset *dataset, size_t i);
void drift_release(struct drift *d);

#endif
