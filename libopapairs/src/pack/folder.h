/* SPDX-License-Identifier: Apache-2.0 */
/** @file folder.h
 *  A folder that appears all at once. It is filled under a hidden name beside its place and changes places with the old
 * one in one step (renameat2, RENAME_EXCHANGE). The filling process holds a lock on it, so what a killed process left
 * can be told from what another one is filling.
 */
#ifndef OPA_PACK_FOLDER_H
#define OPA_PACK_FOLDER_H

#include <dirent.h>

#include <opapairs/pack.h>

/** {0} is an empty one. */
typedef struct opa_folder {
    opa_context *ctx;
    char *path; /**< where it will be */
    char *temp; /**< where it is filled */
    DIR *dir;   /**< temp, open: to empty it then takes no memory */
    DIR *old;   /**< what is at path, likewise */
    int fd;     /**< of temp, locked */
    bool begun;
    bool replaces; /**< there is an older pack at path */
} opa_folder;

/** Make the hidden folder; leftovers of killed processes for the same place are removed. OPA_ECREATE: there is
 * something else than a pack or an empty folder at @p path, or it cannot be made. */
int opa_folder_begin(opa_context *ctx, opa_folder *out, const char *path);
/** A new file in it, for writing; -1 and errno. */
int opa_folder_create(const opa_folder *f, const char *name);
/** Say why (errno) @p name cannot be written, and what to do. OPA_EIO or OPA_ENOMEM. */
int opa_folder_failed(const opa_folder *f, const char *name);
/** A whole new file. */
int opa_folder_add(const opa_folder *f, const char *name, opa_text bytes);
/** All bytes of a run; OPA_EIO with a message that names @p name. */
int opa_folder_write(const opa_folder *f, int fd, const char *name, opa_text bytes);
/** Everything to the disk, then into its place; the older pack is removed. */
int opa_folder_commit(opa_folder *f);
/** Remove what was not committed; accepts {0}. */
void opa_folder_release(opa_folder *f);

/** Is @p name one that a pack gives its files? */
bool opa_folder_knows(const char *name);

#endif
