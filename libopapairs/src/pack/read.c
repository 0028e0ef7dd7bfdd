/* SPDX-License-Identifier: Apache-2.0 */
/* pack -> samples. The index is in memory, shards are read by range; a range is believed only when its hash is that of
 * the index. */
#include <opapairs/pack.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "pack/decode.h"
#include "pack/file.h"
#include "pack/index.h"
#include "pack/manifest.h"
#include "pack/tar.h"

#define MAX_DOCUMENT ((size_t)1 << 30)
#define OPEN_SHARDS 4

struct opa_pack {
    opa_context *ctx;
    int folder;
    opa_buffer manifest_bytes, index_bytes;
    opa_json *manifest;
    opa_index index;
    struct {
        char name[OPA_SHARD_NAME_SIZE];
        int fd; /* -1: free */
    } shards[OPEN_SHARDS];
    size_t oldest; /* of shards, the next to be replaced */
    opa_buffer range;
    size_t last;      /* the entry that range holds */
    opa_json *member; /* of the last opa_pack_sample() */
};

bool opa_pack_probe(const char *path)
{
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return false;
    struct stat st;
    const bool found = fstatat(folder, "manifest.json", &st, 0) == 0 && S_ISREG(st.st_mode);
    close(folder);
    return found;
}

/* An index that was cut between two lines would hide the samples behind the cut. */
static int check_count(opa_pack *p)
{
    int64_t samples;
    const struct cJSON *counts = opa_json_get(opa_json_root(p->manifest), "counts");
    const struct cJSON *value = opa_json_get(counts, "samples");
    if (!value || !opa_json_integer(p->manifest, value, &samples) || samples < 0)
        return opa_fail(p->ctx, OPA_EDATA, "manifest.json: counts.samples: a number is expected");
    if ((uint64_t)samples != p->index.count)
        return opa_fail(p->ctx, OPA_EDATA, "index.tsv has %zu samples, and manifest.json says %lld; verify the pack",
                        p->index.count, (long long)samples);
    return OPA_OK;
}

static int load(opa_pack *p)
{
    int status = opa_file_load(p->ctx, p->folder, "manifest.json", MAX_DOCUMENT, &p->manifest_bytes);
    if (status == OPA_ENOENT)
        return opa_fail(p->ctx, OPA_EDATA, "not a pack: no manifest.json");
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    options.max_size = MAX_DOCUMENT;
    if (status || (status = opa_json_parse(p->ctx, &p->manifest, opa_buffer_text(&p->manifest_bytes), &options, NULL)))
        return status;
    int64_t version;
    const struct cJSON *value = opa_json_get(opa_json_root(p->manifest), "schema_version");
    if (!value || !opa_json_integer(p->manifest, value, &version) || version < 1)
        return opa_fail(p->ctx, OPA_EDATA, "manifest.json: schema_version: a number from 1 on is expected");
    if (version > OPA_PACK_SCHEMA_VERSION)
        return opa_fail(p->ctx, OPA_EVERSION,
                        "manifest.json: written by a newer version of the format (%lld, known is %d)",
                        (long long)version, OPA_PACK_SCHEMA_VERSION);
    status = opa_file_load(p->ctx, p->folder, "index.tsv", MAX_DOCUMENT, &p->index_bytes);
    if (status == OPA_ENOENT)
        return opa_fail(p->ctx, OPA_EDATA, "index.tsv is missing");
    if (status || (status = opa_index_parse(p->ctx, &p->index, opa_buffer_text(&p->index_bytes))))
        return status;
    return check_count(p);
}

int opa_pack_open(opa_context *ctx, opa_pack **out, const char *path)
{
    *out = NULL;
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return opa_fail(ctx,
                        errno == ENOENT    ? OPA_ENOENT
                        : errno == ENOTDIR ? OPA_EDATA
                                           : OPA_EIO,
                        "%s: %s", path, errno == ENOTDIR ? "not a pack: not a folder" : strerror(errno));
    opa_pack *p = calloc(1, sizeof *p);
    if (!p) {
        close(folder);
        return opa_fail_memory(ctx);
    }
    p->ctx = ctx;
    p->folder = folder;
    for (size_t i = 0; i < OPEN_SHARDS; i++)
        p->shards[i].fd = -1;
    const int status = load(p);
    if (status) {
        opa_fail_prefix(ctx, path);
        opa_pack_free(p);
        return status;
    }
    *out = p;
    return OPA_OK;
}

void opa_pack_free(opa_pack *pack)
{
    if (!pack)
        return;
    for (size_t i = 0; i < OPEN_SHARDS; i++)
        if (pack->shards[i].fd >= 0)
            close(pack->shards[i].fd);
    close(pack->folder);
    opa_json_free(pack->member);
    opa_json_free(pack->manifest);
    opa_index_release(&pack->index);
    opa_buffer_release(&pack->manifest_bytes);
    opa_buffer_release(&pack->index_bytes);
    opa_buffer_release(&pack->range);
    free(pack);
}

size_t opa_pack_count(const opa_pack *pack)
{
    return pack->index.count;
}

const opa_json *opa_pack_manifest(const opa_pack *pack)
{
    return pack->manifest;
}

int opa_pack_recipe(const opa_pack *pack, opa_recipe **out)
{
    opa_json_place place;
    *out = NULL;
    if (!opa_json_place_of(pack->manifest, "recipe", &place))
        return opa_fail(pack->ctx, OPA_EDATA, "manifest.json: it names no recipe");
    const opa_text bytes = {pack->manifest_bytes.data + place.value.begin, place.value.end - place.value.begin};
    const int status = opa_recipe_parse(pack->ctx, out, bytes);
    if (status)
        opa_fail_prefix(pack->ctx, "manifest.json");
    return status;
}

const opa_pack_entry *opa_pack_at(const opa_pack *pack, size_t i)
{
    return i < pack->index.count ? &pack->index.entries[i] : NULL;
}

bool opa_pack_find(const opa_pack *pack, size_t *out, opa_text id_or_key)
{
    return opa_index_find(&pack->index, out, id_or_key);
}

/* The file of a shard; a few stay open. */
static int shard_file(opa_pack *p, opa_text name, const char **path, int *fd)
{
    for (size_t i = 0; i < OPEN_SHARDS; i++)
        if (p->shards[i].fd >= 0 && strlen(p->shards[i].name) == name.size &&
            memcmp(p->shards[i].name, name.data, name.size) == 0) {
            *path = p->shards[i].name;
            *fd = p->shards[i].fd;
            return OPA_OK;
        }
    const size_t slot = p->oldest++ % OPEN_SHARDS;
    if (p->shards[slot].fd >= 0)
        close(p->shards[slot].fd);
    p->shards[slot].fd = -1;
    memcpy(p->shards[slot].name, name.data, name.size);
    p->shards[slot].name[name.size] = '\0';
    *path = p->shards[slot].name;
    const int status = opa_file_open(p->ctx, p->folder, *path, &p->shards[slot].fd, NULL);
    *fd = p->shards[slot].fd;
    return status;
}

int opa_pack_read(opa_pack *pack, opa_pack_members *out, size_t i)
{
    *out = (opa_pack_members){0};
    if (i >= pack->index.count)
        return opa_fail(pack->ctx, OPA_EINVAL, "the pack has %zu samples", pack->index.count);
    const opa_pack_entry *e = &pack->index.entries[i];
    pack->last = i;
    const char *path;
    int fd;
    int status = shard_file(pack, e->shard, &path, &fd);
    if (status)
        return status == OPA_EDATA ? OPA_ERECORD : status;
    status = opa_file_read(pack->ctx, fd, path, e->offset, (size_t)e->size, &pack->range);
    if (status == OPA_EDATA)
        return opa_fail(pack->ctx, OPA_ERECORD, "%s: cut within sample %.*s", path, (int)e->key.size, e->key.data);
    if (status)
        return status;
    uint8_t digest[OPA_SHA256_SIZE];
    opa_shard_kind kind;
    uint32_t number;
    opa_range_defect defect;
    opa_shard_name_parse(e->shard, &kind, &number);
    if (!opa_range_cut(out, &defect, opa_buffer_text(&pack->range), e->key, kind)) {
        *out = (opa_pack_members){0};
        return opa_fail(pack->ctx, OPA_ERECORD, "%s in %s: %s", defect.member, path, defect.what);
    }
    opa_sha256_of(digest, pack->range.data, pack->range.size);
    if (memcmp(digest, e->sha256, sizeof digest) != 0) {
        *out = (opa_pack_members){0};
        return opa_fail(pack->ctx, OPA_ERECORD, "sample %.*s in %s is altered: its hash is not that of index.tsv",
                        (int)e->key.size, e->key.data, path);
    }
    return OPA_OK;
}

int opa_pack_sample(opa_pack *pack, opa_sample *out, const opa_pack_members *members)
{
    opa_decoded decoded;
    opa_json_free(pack->member);
    pack->member = NULL;
    *out = (opa_sample){0};
    int status = opa_json_parse(pack->ctx, &pack->member, members->json, NULL, NULL);
    if (status == OPA_OK)
        status = opa_decode_member(pack->ctx, &decoded, pack->member);
    if (status == OPA_OK) {
        const opa_text id = pack->index.entries[pack->last].id;
        if (!opa_text_equal(decoded.sample.id, id))
            return opa_fail(pack->ctx, OPA_ERECORD, "the id in the member of sample %.*s is not that of index.tsv",
                            (int)id.size, id.data);
        *out = decoded.sample;
    }
    return status == OPA_EDATA ? OPA_ERECORD : status;
}
