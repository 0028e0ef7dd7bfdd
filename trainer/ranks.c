/* SPDX-License-Identifier: Apache-2.0 */
/* What does not depend on MPI: what the launcher says, and agreements. */
#include "ranks.h"

#include <stdio.h>
#include <stdlib.h>

/* Open MPI; MPICH, Intel MPI and other Hydras; Slurm's srun. */
static const struct launcher {
    const char *count, *rank;
} launchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
    {"PMI_SIZE", "PMI_RANK"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
};

int ranks_launched(int *rank)
{
    *rank = 0;
    for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++) {
        const char *count = getenv(launchers[i].count), *own = getenv(launchers[i].rank);
        if (count == NULL || own == NULL || atoi(count) < 1)
            continue;
        *rank = atoi(own);
        return atoi(count);
    }
    return 1;
}

int ranks_agree(const struct ranks *r, struct trainer *t, int status)
{
    char message[sizeof t->message];
    int from = 0;
    if (r->count == 1)
        return status;
    ranks_gather(r, r->codes, &status, sizeof status);
    while (from < r->count && r->codes[from] == 0)
        from++;
    if (from == r->count)
        return 0;
    snprintf(message, sizeof message, "%s", t->message);
    ranks_broadcast(r, from, message, sizeof message);
    if (from == 0)
        return trainer_fail(t, r->codes[0], "%s", message);
    return trainer_fail(t, r->codes[from], "rank %d: %.1000s", from, message);
}

bool ranks_any(const struct ranks *r, bool here)
{
    const int own = here;
    if (r->count == 1)
        return here;
    ranks_gather(r, r->codes, &own, sizeof own);
    for (int i = 0; i < r->count; i++) {
        if (r->codes[i] != 0)
            return true;
    }
    return false;
}
