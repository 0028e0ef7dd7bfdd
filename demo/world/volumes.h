/* SPDX-License-Identifier: Apache-2.0 */
/* ./run demo --full: the same steps with other amounts of data and other seeds. */
#ifndef MICROWORLD_VOLUMES_H
#define MICROWORLD_VOLUMES_H

#include "curve.h"

enum { VOLUMES = 4, VOLUME_SYSTEMS = 4, MOST_SEEDS = 3 };
extern const int volume_samples[VOLUMES];

/* One system at one volume, over the seeds that were run. */
struct volume {
    int seeds;
    double mean[3];  /* HalRate, Cover, HalRate over the curve, NAN when a seed lies beyond its ends */
    double error[3]; /* standard errors of these means, over the seeds alone; 0 of a single seed */
};

/* Reads volumes/sSEED/nSAMPLES/answers/NAME.jsonl of the folder, as many as there are. 0, or an exit code. */
int volumes_read(struct cli *cli, struct volume out[VOLUMES][VOLUME_SYSTEMS], const char *dir,
                 const char *const names[VOLUME_SYSTEMS], const struct curve_point curve[CURVE_POINTS]);

#endif
