/* SPDX-License-Identifier: Apache-2.0 */
/** @file ranks.h
 *  The processes of one training run, each with its share of every update. MPI is behind this header (ranks_mpi.c) and
 *  nowhere else; a build without it has one rank (ranks_one.c).
 *
 *  Every rank calls the functions that exchange something in the same order; so what happens on one rank only (an error, a
 *  signal) is agreed on before anybody acts on it. None of them fails: MPI ends the whole run when a rank is lost. Ranks are
 *  processes of the same program on the same kind of processor: what they exchange is the bytes as they lie in memory.
 *
 *  Sums are made in the order of the ranks, by this program and not by MPI_Reduce, whose order is the library's choice: the
 *  same number of ranks gives the same bits, on any network.
 */
#ifndef OPATRAIN_RANKS_H
#define OPATRAIN_RANKS_H

#include "trainer.h"

struct ranks {
    int rank, count; /**< from 0; 1 and up */
    int threads;     /**< of a rank that takes all it may: its part of the processors of this host; 0: every one */
    int unused;      /**< processors of this host that no rank may use */
    int *codes;      /**< [count], of agreements; NULL: one rank */
    float *buffer;   /**< of sums */
};

/** How many copies of this program a launcher (mpirun, srun) says that it started, and which one this is; 1 and 0 without
 *  one. Reads the environment only. */
int ranks_launched(int *rank);

/** Join the others. OPA_EUNSUPPORTED: several were launched, and this build has no MPI, or another one than the launcher's.
 *  Release with ranks_close(), which waits for all. */
int ranks_open(struct trainer *t, struct ranks *out);
void ranks_close(struct ranks *ranks);
/** Version of the MPI that is linked, as "Open MPI v4.1.4"; NULL: none. Static storage. */
const char *ranks_version(void);

/** The one that writes and speaks. */
static inline bool ranks_first(const struct ranks *r)
{
    return r->rank == 0;
}

/** Everybody's data [count] becomes rank 0's + rank 1's + ..., added in this order. */
void ranks_sum(struct ranks *ranks, float *data, size_t count);
/** @p own [size] bytes of each into @p all [ranks->count * size] of everyone, by rank. */
void ranks_gather(const struct ranks *ranks, void *all, const void *own, size_t size);
/** @p data [size] bytes of rank @p from to everyone. */
void ranks_broadcast(const struct ranks *ranks, int from, void *data, size_t size);

/** The first rank's failure becomes everybody's, its message too, which names the rank unless that is the first one. 0: none
 *  failed. @p status may be any kind of number of which 0 is good. */
int ranks_agree(const struct ranks *ranks, struct trainer *t, int status);
/** Is it so on any rank? */
bool ranks_any(const struct ranks *ranks, bool here);

#endif
