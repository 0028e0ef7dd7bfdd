/* SPDX-License-Identifier: Apache-2.0 */
/* ./run demo --full: the same steps with other amounts of data and other seeds. */
#ifndef MICROWORLD_VOLUMES_H
#define MICROWORLD_VOLUMES_H

#include "curve.h"

enum { VOLUMES = 4, VOLUME_SYSTEMS = 4, MOST_SEEDS = 3 };

/* One system at one volume: means over the seeds that were run. Their errors count the seeds and the test scenes. */
struct volume {
    int samples, seeds; /* seeds 0: it was not run */
    struct estimate hal_rate, cover, excess;
    bool on_curve; /* with every seed; else there is no excess */
};

/* Reads volumes/sSEED/nSAMPLES/answers/NAME.jsonl of the folder, as many as there are. 0, or an exit code. */
int volumes_read(struct cli *cli, struct volume out[VOLUMES][VOLUME_SYSTEMS], const char *dir,
                 const char *const names[VOLUME_SYSTEMS], const struct curve *curve);

#endif
