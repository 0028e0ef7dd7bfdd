/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo's folder holds when it is through: all that the report shows. */
#ifndef MICROWORLD_STORY_H
#define MICROWORLD_STORY_H

#include "curve.h"
#include "policy.h"
#include "premises.h"
#include "volumes.h"

/* A model that the demo made. */
struct system {
    const char *name;       /* answers/NAME.jsonl, runs/NAME/log.jsonl */
    const char *label;      /* "OPA-DPO" */
    const char *what;       /* how it came about */
    bool step;              /* of the method itself; else a comparison */
    bool there;             /* this run of the demo made it */
    struct answers answers; /* in order of id */
    struct measures measures;
    bool on_curve;
    struct estimate excess; /* HalRate over the base's abstention curve at the same Cover, points; where on_curve */
    struct premises premises;
};
enum { SYSTEMS = 8, BASE = 0, OPA = 1 }; /* the volumes are of the systems from OPA on */

/* Updates of a training run. */
struct updates {
    size_t count, capacity;
    double *loss, *margin; /* margin: NAN where the objective has none */
};

struct story {
    struct cli *cli;
    const char *dir;
    struct system systems[SYSTEMS];
    struct curve curve;
    struct policy policy[2]; /* of the base and of OPA */
    struct updates updates[SYSTEMS];
    struct volume volumes[VOLUMES][VOLUME_SYSTEMS]; /* of the systems from OPA on; with --full only */
};

/* Was any volume run? Was any model asked about what is not there? */
bool story_has_volumes(const struct story *s);
bool story_has_premises(const struct story *s);
/* Answers to questions that were neither Yes nor No, of all models. */
int64_t story_neither(const struct story *s);

/* Reads the folder. 0, or an exit code; to be released either way. */
int story_read(struct story *out, struct cli *cli, const char *dir, const char *tokenizer);
void story_release(struct story *s);

#endif
