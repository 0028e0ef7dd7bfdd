/* SPDX-License-Identifier: Apache-2.0 */
/** @file mapped.h
 *  Files as memory: checkpoints are mapped, so that their pages are shared, evictable and never copied; small documents
 *  are read.
 */
#ifndef OPATRAIN_MAPPED_H
#define OPATRAIN_MAPPED_H

#include "trainer.h"

struct mapped {
    const unsigned char *data;
    size_t size;
};

/** Map a file for reading. OPA_ENOENT: there is none; OPA_EIO. Release with mapped_release(). */
int mapped_open(struct trainer *t, struct mapped *out, const char *path);
void mapped_release(struct mapped *file);

/** DIR/NAME, or NAME alone where it is absolute; NULL: out of memory. The caller frees it. */
char *path_join(const char *dir, const char *name);
bool path_exists(const char *path);

#endif
