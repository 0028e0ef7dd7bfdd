/* SPDX-License-Identifier: Apache-2.0 */
/** @file world.h
 *  What the sweep over allocations works with: a folder with files that every part begins with, and a running number
 * over everything that a part reads, so that two runs can be compared without keeping what they gave.
 */
#ifndef OPA_TEST_FAULTS_WORLD_H
#define OPA_TEST_FAULTS_WORLD_H

#include <opapairs/opapairs.h>

enum { WORLD_PATH_SIZE = 256 };
#define WORLD_DIGEST_INIT 0xCBF29CE484222325u

typedef struct world {
    char folder[WORLD_PATH_SIZE];
    char one[WORLD_PATH_SIZE], two[WORLD_PATH_SIZE];   /**< a file with one record each */
    char edits[WORLD_PATH_SIZE];                       /**< a correction of the first */
    char empty[WORLD_PATH_SIZE];                       /**< a store without records */
    char full[WORLD_PATH_SIZE];                        /**< one with the first record, edited by hand */
    char recipe[WORLD_PATH_SIZE];                      /**< the default one in a file */
    char pack[WORLD_PATH_SIZE];                        /**< its pack */
    char store[WORLD_PATH_SIZE], out[WORLD_PATH_SIZE]; /**< what a part works on: a store, a pack */
    char id[128];                                      /**< of the first sample */
    opa_text png, jpeg, tokenizer;                     /**< bytes of files */
    uint64_t digest;                                   /**< of what a part reads */
} world;

/** Make the folder and all files. Fails the test where something cannot be made. */
void world_init(world *out);
void world_release(world *w);

/** Remove everything but the files that world_init() made. */
void world_tidy(const world *w);
/** The name of something else that lies in the folder than those files, the store and the pack to work on; NULL: nothing
 * does. Static storage. */
const char *world_leftover(const world *w);
void world_path(char out[WORLD_PATH_SIZE], const char *folder, const char *name);
void world_copy(const char *to, const char *from);
void world_remove(const char *path);

void digest_bytes(world *w, const void *bytes, size_t size);
void digest_number(world *w, int64_t n);
void digest_text(world *w, opa_text text);
void digest_findings(world *w, const opa_findings *list);
void digest_sample(world *w, const opa_sample *sample);
/** Names and bytes of all files in a folder; nothing where there is none. */
void digest_folder(world *w, const char *path);
/** Callbacks of the library; user is the world. */
int digest_finding(void *user, const opa_finding *finding);
int digest_edit(void *user, const opa_edit *edit);
int digest_record(void *user, const opa_record *record);

#endif
