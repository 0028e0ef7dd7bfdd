/* SPDX-License-Identifier: Apache-2.0 */
/** @file durable.h
 *  Files that are there whole or not at all, and stay after a power cut: written beside their place, brought to the disk,
 *  and only then given their name. What stood there before lasts until that moment; a full disk leaves it.
 */
#ifndef OPATRAIN_DURABLE_H
#define OPATRAIN_DURABLE_H

#include <stdio.h>

#include "trainer.h"

struct durable {
    FILE *file;
    char *path, *temporary;
    int reason; /**< errno of the first write that failed; 0: none did */
};

/** Begin PATH.new. OPA_ECREATE; OPA_ENOMEM. End with durable_commit() or durable_abandon(). */
int durable_open(struct trainer *t, struct durable *out, const char *path);
/** The first failure is kept, and durable_commit() reports it. */
void durable_write(struct durable *d, const void *bytes, size_t size);
/** Bring it to the disk and rename it. OPA_EIO: the disk is full or failed, the older file is untouched. */
int durable_commit(struct trainer *t, struct durable *d);
/** Forget it; does nothing behind a commit. */
void durable_abandon(struct durable *d);

/** A whole file at once. */
int durable_file(struct trainer *t, const char *path, const void *bytes, size_t size);
/** Give a folder, whose files are on the disk, its name @p to, which is free. OPA_EIO. */
int durable_rename(struct trainer *t, const char *from, const char *to);

/** What a folder holds that this program did not write there and does not mix with its own: "a pack", "a model". NULL: neither.
 *  Static storage. */
const char *folder_holds(const char *path);
/** Make a folder where there is none. OPA_ECREATE; OPA_EIO: the disk is full. */
int folder_make(struct trainer *t, const char *path);
/** Remove a folder of files; one that is not there is fine. */
void folder_remove(const char *path);

#endif
