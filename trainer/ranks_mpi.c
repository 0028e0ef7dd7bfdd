/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks over MPI. Floats are only moved by it, so that no bit depends on the order of its sums. */
#define _GNU_SOURCE /* cpu_set_t */
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

#include "ranks.h"

/* Floats of one rank's part of a piece of a sum: large enough for the network, small beside the gradient. */
enum { PART = 1 << 18 };

/* ---- joining ---- */

/* mpirun may have bound each rank to processors of its own, or all of them to the same. */
static void divide_processors(struct ranks *r)
{
    cpu_set_t own, all;
    MPI_Comm host;
    int ranks;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, r->rank, MPI_INFO_NULL, &host);
    MPI_Comm_size(host, &ranks);
    if (sched_getaffinity(0, sizeof own, &own) != 0)
        CPU_ZERO(&own);
    MPI_Allreduce(&own, &all, (int)sizeof own, MPI_BYTE, MPI_BOR, host);
    MPI_Comm_free(&host);
    const int most = CPU_COUNT(&own), part = CPU_COUNT(&all) / ranks;
    r->threads = most <= 1 || part <= 1 ? 1 : part < most ? part : most;
    r->unused = (int)sysconf(_SC_NPROCESSORS_ONLN) - CPU_COUNT(&all);
}

static void join(struct ranks *r)
{
    int provided;
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a killed mpirun would leave ranks that write on */
#endif
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided); /* the kernels' threads never come here */
    MPI_Comm_rank(MPI_COMM_WORLD, &r->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &r->count);
    divide_processors(r);
}

/* Everybody has what exchanges need, or nobody. */
static bool reserve(struct ranks *r)
{
    r->codes = calloc((size_t)r->count, sizeof *r->codes);
    r->buffer = malloc(2 * (size_t)r->count * PART * sizeof *r->buffer);
    const int failed = r->codes == NULL || r->buffer == NULL;
    int any = 0;
    MPI_Allreduce(&failed, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return any == 0;
}

int ranks_open(struct trainer *t, struct ranks *out)
{
    int rank;
    const int launched = ranks_launched(&rank);
    *out = (struct ranks){.count = 1};
    if (launched == 1)
        return OPA_OK; /* MPI takes half a second to begin alone */
    join(out);
    const int found = out->count;
    if (found == launched && reserve(out))
        return OPA_OK;
    out->count = 1; /* nothing more is exchanged: each ends by itself */
    return found == launched ? trainer_fail_memory(t)
                             : trainer_fail(t, OPA_EUNSUPPORTED,
                                            "started %d times, of which MPI sees %d: start it with the mpirun of %s",
                                            launched, found, ranks_version());
}

void ranks_close(struct ranks *r)
{
    int there;
    MPI_Initialized(&there);
    if (there)
        MPI_Finalize();
    free(r->codes);
    free(r->buffer);
    *r = (struct ranks){0};
}

const char *ranks_version(void)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int size;
    MPI_Get_library_version(text, &size);
    text[strcspn(text, ",\n")] = '\0'; /* builder, date and so on */
    return text;
}

/* ---- data ---- */

/* One piece, up to count * PART floats: everyone gets all versions of its own part, adds them, and gives the sum to all. */
static void sum_piece(const struct ranks *r, float *data, size_t count)
{
    const size_t ranks = (size_t)r->count, part = (count + ranks - 1) / ranks;
    float *send = r->buffer, *all = send + ranks * part;
    memcpy(send, data, count * sizeof *data);
    memset(send + count, 0, (ranks * part - count) * sizeof *data);
    MPI_Alltoall(send, (int)part, MPI_FLOAT, all, (int)part, MPI_FLOAT, MPI_COMM_WORLD);
    for (size_t from = 1; from < ranks; from++) {
        for (size_t i = 0; i < part; i++)
            all[i] += all[from * part + i];
    }
    MPI_Allgather(all, (int)part, MPI_FLOAT, send, (int)part, MPI_FLOAT, MPI_COMM_WORLD);
    memcpy(data, send, count * sizeof *data);
}

void ranks_sum(struct ranks *r, float *data, size_t count)
{
    const size_t piece = (size_t)r->count * PART;
    for (size_t at = 0; r->count > 1 && at < count; at += piece)
        sum_piece(r, data + at, count - at < piece ? count - at : piece);
}

void ranks_gather(const struct ranks *r, void *all, const void *own, size_t size)
{
    if (r->count == 1)
        memcpy(all, own, size);
    else
        MPI_Allgather(own, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, MPI_COMM_WORLD);
}

void ranks_broadcast(const struct ranks *r, int from, void *data, size_t size)
{
    char *bytes = data;
    for (size_t at = 0; r->count > 1 && at < size; at += INT_MAX)
        MPI_Bcast(bytes + at, (int)(size - at < INT_MAX ? size - at : INT_MAX), MPI_BYTE, from, MPI_COMM_WORLD);
}
