/* SPDX-License-Identifier: Apache-2.0 */
/** @file tar.h
 *  The USTAR subset of a pack (POSIX.1-1988 tar): regular files with short names, mode 0444, owner 0, time 0. A header
 * follows from name and size alone, so a reader checks one by making it again: no link, sparse or pax trick can look
 * like it.
 */
#ifndef OPA_PACK_TAR_H
#define OPA_PACK_TAR_H

#include <opapairs/pack.h>

#define OPA_TAR_BLOCK ((size_t)512)
/** An archive ends with two empty blocks. */
#define OPA_TAR_END (2 * OPA_TAR_BLOCK)
#define OPA_TAR_NAME_SIZE 100

/** Fill @p out for the member @p name of @p size bytes. false: the name has no room (over 99 bytes) or the size has
 * none (8 GiB). */
bool opa_tar_header(uint8_t out[OPA_TAR_BLOCK], const char *name, uint64_t size);
/** Bytes of zeros behind a body of @p size bytes. */
static inline size_t opa_tar_padding(uint64_t size)
{
    return (size_t)(-size & (OPA_TAR_BLOCK - 1));
}

/** What a shard holds, by its name: "jpg-000000.tar" ... */
typedef enum opa_shard_kind { OPA_SHARD_JPG, OPA_SHARD_PNG, OPA_SHARD_TEXT, OPA_SHARD_KINDS } opa_shard_kind;
extern const char *const opa_shard_kind_names[OPA_SHARD_KINDS];
/** Kind and number of a shard's name; false: no shard can be called so (a path, for one). */
bool opa_shard_name_parse(opa_text name, opa_shard_kind *kind, uint32_t *number);
#define OPA_SHARD_NAME_SIZE 24
void opa_shard_name(char out[OPA_SHARD_NAME_SIZE], opa_shard_kind kind, uint32_t number);

/** The members of one sample, in the order of their names. */
typedef struct opa_layout {
    const char *extensions[2]; /**< "jpg", "json" ... */
    size_t count;
} opa_layout;
opa_layout opa_shard_layout(opa_shard_kind kind);

/** Where a sample's range is not what it should be. */
typedef struct opa_range_defect {
    const char *what; /**< NULL: none */
    size_t at;        /**< byte of the range */
    char member[OPA_TAR_NAME_SIZE];
} opa_range_defect;
/** Cut the bytes of a sample's range in its members (borrowed from @p range). false: *defect says why. */
bool opa_range_cut(opa_pack_members *out, opa_range_defect *defect, opa_text range, opa_text key, opa_shard_kind kind);

#endif
