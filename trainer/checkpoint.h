/* SPDX-License-Identifier: Apache-2.0 */
/** @file checkpoint.h
 *  The folder of a run:
 *
 *      run.json                     everything that the run depends on
 *      log.jsonl, eval.jsonl        a line an update, a line an evaluation
 *      events.out.tfevents.*        the same for TensorBoard, a file each time that the run is begun or resumed
 *      checkpoints/step-000120/     an adapter that PEFT loads, optimiser.safetensors, and state.json: update, sizes of
 *                                   the logs, sums of the other files and of itself
 *      adapter_config.json, adapter_model.safetensors      the result: where the latter is, the run is finished
 *
 *  A checkpoint is made in checkpoints/new and renamed when all of it is on the disk, so the one with the highest number is
 *  whole, whenever the run was killed.
 */
#ifndef OPATRAIN_CHECKPOINT_H
#define OPATRAIN_CHECKPOINT_H

#include "model/adapter_write.h"
#include "optimiser.h"
#include "params.h"

/** Bytes of the files that grow: a resumed run cuts them back. */
struct run_sizes {
    uint64_t log, eval;
};

struct run_folder {
    char *path, *checkpoints;
    size_t keep;            /**< checkpoints that stay: 1 and up */
    int64_t step;           /**< updates of the newest checkpoint; -1: there is none */
    struct run_sizes sizes; /**< at that moment */
    bool finished;
    int lock; /**< of run_folder_lock(); -1: none */
};

/** Make the folder where it is not there, and look what it holds. OPA_ECREATE. Release with run_folder_release(). */
int run_folder_open(struct trainer *t, struct run_folder *out, const char *path, size_t keep);
void run_folder_release(struct run_folder *folder);

/** Nobody else may write there until run_folder_release(), or the end of this process however it ends. OPA_EBUSY. Where the
 *  file system knows no locks, nothing is locked. */
int run_folder_lock(struct trainer *t, struct run_folder *folder);

/** Save after @p step updates; older checkpoints beyond folder->keep go. OPA_EIO: the older ones are untouched. */
int checkpoint_save(struct trainer *t, struct run_folder *folder, int64_t step, struct run_sizes sizes,
                    const struct adapter_out *adapter, const struct optimiser *optimiser);
/** Load the newest checkpoint into the parameters and the optimiser; sets sizes. One whose files are damaged is put aside
 *  (step-000120.damaged) with a note, and the one before it is taken; sets step. OPA_EDATA: none is left, or it is another
 *  run's. */
int checkpoint_load(struct trainer *t, struct run_folder *folder, const struct model *model, struct params *params,
                    struct optimiser *optimiser);
/** Write the result; the run is finished. */
int run_folder_finish(struct trainer *t, struct run_folder *folder, const struct adapter_out *adapter);

#endif
