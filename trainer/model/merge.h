/* SPDX-License-Identifier: Apache-2.0 */
/** @file merge.h
 *  An adapter folded into its base: a checkpoint of its own, for programs that take no adapters. Each weight becomes
 *  W + scale * B * A, in float32, and is rounded once to the type that it is stored in. In 16 bits most of what an adapter
 *  changes is smaller than a step of that type: what is lost is measured here in weights, and in log-probs by drift.h.
 */
#ifndef OPATRAIN_MODEL_MERGE_H
#define OPATRAIN_MODEL_MERGE_H

#include "model/adapter.h"

struct merge_options {
    const char *from; /**< the base's folder */
    bool convert;     /**< write all weights as .dtype; default false: each in its own type */
    ops_dtype dtype;
    bool keep_tower; /**< an original LLaVA's tower, unless the adapter changes it, stays where config.json says */
    opa_progress_fn progress; /**< NULL: none; items are tensors */
    void *user;
};

/** What it did to the weights of the merged layers. */
struct merge_report {
    size_t layers;
    uint64_t weights, changed; /**< of the layers; those that differ from the base's */
    bool tower;                /**< a tower's folder went along, as OUT/vision_tower */
    double change, lost;       /**< sums of squares: of scale * B * A, and of what rounding takes from that */
};

/** Write the merged checkpoint as the folder @p to, which is not there yet: the base's files, its shards with the same tensors.
 *  Memory: 16 MiB for a block of rows; the rest is mapped. All of it is made in @p to.merging, config.json last, and gets its
 *  name when it is on the disk. What an earlier, killed merge left there is removed, unless it is whole. OPA_ECREATE;
 *  OPA_EIO: the disk is full; OPA_ECANCELLED. */
int merge_write(struct trainer *t, struct merge_report *out, const char *to, const struct model *model,
                const struct adapter *adapter, const struct merge_options *options);

#endif
