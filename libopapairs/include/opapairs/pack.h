/* SPDX-License-Identifier: Apache-2.0 */
/** @file pack.h
 *  Packs: WebDataset shards with a manifest, an index for access by key in O(1), and SHA256SUMS. Same store, recipe,
 * tokenizer and seed give the same bytes on any machine. Layout: schemas/manifest.schema.json,
 * schemas/sample.schema.json and the README.
 */
#ifndef OPAPAIRS_PACK_H
#define OPAPAIRS_PACK_H

#include <opapairs/pairs.h>
#include <opapairs/store.h>

OPA_BEGIN_DECLS

typedef struct opa_pack_options {
    const opa_recipe *recipe;       /**< required */
    const opa_tokenizer *tokenizer; /**< required */
    int32_t eos;                    /**< default -1: the tokenizer's own */
    uint64_t seed;                  /**< default 0 */
    size_t shard_samples;           /**< default 0, which means 1000 */
    int threads;                    /**< default 0: as many as there are processors; the bytes do not depend on it */
    bool skip_images; /**< default: images are decoded, and what does not decode is left out. The bytes of a pack of
                           sound images do not depend on it, and it takes less than half of the time */
    opa_progress_fn progress;
    opa_finding_fn finding; /**< called for every sample that is left out, and for what is flagged, in order of key */
    void *user;
} opa_pack_options;
#define OPA_PACK_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        .eos = -1                                                                                                      \
    }

typedef struct opa_pack_report {
    int64_t samples;  /**< packed */
    int64_t left_out; /**< with a finding each */
    opa_pair_counts pairs;
    int64_t shards;
    int64_t bytes;
} opa_pack_report;

/** Write the pack of a store to the folder @p path, atomically: an older pack there is replaced when the new one is
 * complete and on disk; a failed or killed write leaves it. OPA_ECREATE: the path cannot be made, or is something else
 * than a pack. OPA_EIO. */
OPA_API int opa_pack_write(opa_context *ctx, opa_store *store, const char *path, const opa_pack_options *options,
                           opa_pack_report *out);

/* ---- reading ---- */

/** An open pack. Reads the index, not the shards. */
typedef struct opa_pack opa_pack;
/** OPA_ENOENT: no such folder; OPA_EDATA: not a pack, or its index is damaged or not as long as the manifest says;
 *  OPA_EVERSION; OPA_EIO. */
OPA_API int opa_pack_open(opa_context *ctx, opa_pack **out, const char *path);
OPA_API void opa_pack_free(opa_pack *pack);
/** Is there a pack at @p path (a folder with a manifest.json)? */
OPA_API bool opa_pack_probe(const char *path);
OPA_API size_t opa_pack_count(const opa_pack *pack);
/** The manifest, guarded JSON; borrowed. */
OPA_API const opa_json *opa_pack_manifest(const opa_pack *pack);
/** The recipe that it was built with, from the manifest. OPA_EDATA: none that this version understands. The caller
 * frees *out. */
OPA_API int opa_pack_recipe(const opa_pack *pack, opa_recipe **out);

/** A line of the index; texts borrowed from the pack. */
typedef struct opa_pack_entry {
    opa_text key, id, shard;
    uint64_t offset, size; /**< bytes: from the sample's first header to the end of its last padding */
    uint8_t sha256[OPA_SHA256_SIZE];
} opa_pack_entry;
/** Entry @p i of opa_pack_count(), in order of key. */
OPA_API const opa_pack_entry *opa_pack_at(const opa_pack *pack, size_t i);
/** The entry with this id, or with this key. false: none. O(log n). */
OPA_API bool opa_pack_find(const opa_pack *pack, size_t *out, opa_text id_or_key);

/** Both members of a sample; borrowed from the pack until the next read. */
typedef struct opa_pack_members {
    opa_text json;
    opa_text image;        /**< data NULL for a text-only sample */
    const char *extension; /**< "jpg", "png" or NULL */
} opa_pack_members;
/** Read entry @p i and verify its hash. OPA_ERECORD: altered or malformed (message names the member); OPA_EIO;
 * OPA_ENOENT: no shard. */
OPA_API int opa_pack_read(opa_pack *pack, opa_pack_members *out, size_t i);
/** The sample of members read, as it was packed: revised is the one in force. @p members must be those of the
 *  last opa_pack_read(). Borrowed until the next read. OPA_ERECORD: breaks the schema, or its id is not that of the
 * index. */
OPA_API int opa_pack_sample(opa_pack *pack, opa_sample *out, const opa_pack_members *members);

typedef struct opa_verify_options {
    bool skip_images; /**< default false: every image is decoded fully; true leaves that out */
    opa_progress_fn progress;
    void *user;
} opa_verify_options;
#define OPA_VERIFY_OPTIONS_INIT                                                                                        \
    {                                                                                                                  \
        0                                                                                                              \
    }
/** Verify everything: sums, index, every header, padding and member, no file missing or extra. Each defect is one
 * finding (file is the shard or file, id the sample, message names member and offset). Returns OPA_OK when all was
 * looked at (whatever was found), OPA_ENOENT: no such folder, OPA_EDATA: no pack, OPA_EIO. */
OPA_API int opa_pack_verify(opa_context *ctx, const char *path, const opa_verify_options *options, opa_finding_fn fn,
                            void *user, int64_t *samples);

OPA_END_DECLS
#endif
