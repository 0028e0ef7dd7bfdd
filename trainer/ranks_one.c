/* SPDX-License-Identifier: Apache-2.0 */
/* One rank, in builds without MPI. */
#include <string.h>

#include "ranks.h"

int ranks_open(struct trainer *t, struct ranks *out)
{
    int rank;
    const int launched = ranks_launched(&rank);
    *out = (struct ranks){.count = 1};
    if (launched == 1)
        return OPA_OK;
    return trainer_fail(t, OPA_EUNSUPPORTED,
                        "started %d times by a launcher, and this opatrain is built without MPI: build it with "
                        "-Dmpi=enabled (needs Open MPI: libopenmpi-dev), or start it alone",
                        launched);
}

void ranks_close(struct ranks *ranks)
{
    *ranks = (struct ranks){0};
}

const char *ranks_version(void)
{
    return NULL;
}

void ranks_sum(struct ranks *ranks, float *data, size_t count)
{
    (void)ranks;
    (void)data;
    (void)count;
}

void ranks_gather(const struct ranks *ranks, void *all, const void *own, size_t size)
{
    (void)ranks;
    memcpy(all, own, size);
}

void ranks_broadcast(const struct ranks *ranks, int from, void *data, size_t size)
{
    (void)ranks;
    (void)from;
    (void)data;
    (void)size;
}
