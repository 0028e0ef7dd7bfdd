/* SPDX-License-Identifier: Apache-2.0 */
/** @file memory.h
 *  Allocation that fails when told to. Two ways lead here:
 *
 *    --wrap     The linker sends the calls of the library's own objects to __wrap_malloc() and its like. That works in
 *               every build, sanitizers included.
 *    malloc()   The program defines the allocator itself, over glibc's, so the calls of SQLite, libarchive, libpng,
 *               libjpeg, cJSON, nettle and of libc come here too, and what is not given back can be counted. A
 *               sanitizer has an allocator of its own, so there this way is not taken.
 */
#ifndef OPA_TEST_FAULTS_MEMORY_H
#define OPA_TEST_FAULTS_MEMORY_H

#include <stdbool.h>

enum memory_whose {
    MEMORY_OWN, /**< allocations of the library's own code */
    MEMORY_ALL, /**< every allocation of the process */
};

/** Can MEMORY_ALL be asked for in this build? */
bool memory_counts_all(void);
/** From now on the @p n th allocation (1 is the next) fails, and with @p on all that follow it. n 0: count only. */
void memory_arm(enum memory_whose whose, long n, bool on);
/** Allocations since memory_arm(); none fails any more. */
long memory_disarm(void);
/** Called when one fails: break here to see whose it is. */
void memory_struck(void);
/** Blocks that are allocated now; 0 where that is not known. */
long memory_live(void);

#endif
