/* SPDX-License-Identifier: Apache-2.0 */
/** @file lock.h
 *  The writer's lock: a file "STORE-lock" beside the store while somebody writes. It says who, so that the one who
 * waits can be told. The kernel lets go of it when its process dies, so a kill leaves nothing that stands in the way.
 */
#ifndef OPA_STORE_LOCK_H
#define OPA_STORE_LOCK_H

#include <opapairs/base.h>

/** {.fd = -1} is none. */
typedef struct opa_lock {
    int fd;
    char *path;
} opa_lock;

/** Wait up to @p wait_ms for the lock of @p store. @p doing is what this process is about to do ("importing").
 * OPA_EBUSY: somebody else has it, the message says who; OPA_EIO: the file cannot be made. */
int opa_lock_take(opa_context *ctx, opa_lock *out, const char *store, const char *doing, int wait_ms);
void opa_lock_release(opa_lock *lock);

#endif
