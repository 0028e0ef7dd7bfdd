/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/shard.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/context.h"
#include "base/findings.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "pack/file.h"
#include "pack/second.h"
#include "pack/sums.h"

#define STREAM_SIZE ((size_t)1 << 20)

typedef struct verifier {
    opa_context *ctx;
    opa_shard_check *c;
    int fd;
    uint64_t size;
    bool sound; /* the shard's hash is one that the manifest or SHA256SUMS gives */
    opa_buffer range;
    _Atomic int64_t *done;
} verifier;

void opa_shard_check_release(opa_shard_check *check)
{
    opa_findings_release(&check->findings);
    free(check->images);
    check->images = NULL;
}

static int add(verifier *v, int code, const opa_pack_entry *e, const char *message)
{
    opa_findings *list = &v->c->findings;
    const size_t first = list->count;
    if (opa_findings_add(list, code, 0, NULL, "%s", message) ||
        opa_findings_locate(list, first, v->c->name, -1, e ? e->id : (opa_text){0}))
        return opa_fail_memory(v->ctx);
    return OPA_OK;
}

/* "KEY.jpg: what, at byte N of the shard" */
static int altered(verifier *v, int code, const opa_pack_entry *e, const char *member, const char *what, uint64_t at)
{
    char message[320];
    snprintf(message, sizeof message, "%s: %s, at byte %" PRIu64 " of the shard", member, what, at);
    return add(v, code, e, message);
}

static int hash_file(verifier *v, uint8_t out[OPA_SHA256_SIZE])
{
    opa_sha256 h;
    opa_sha256_init(&h);
    for (uint64_t at = 0; at < v->size;) {
        const size_t n = v->size - at < STREAM_SIZE ? (size_t)(v->size - at) : STREAM_SIZE;
        const int status = opa_file_read(v->ctx, v->fd, v->c->name, at, n, &v->range);
        if (status)
            return status;
        opa_sha256_add(&h, v->range.data, n);
        at += n;
    }
    opa_sha256_done(out, &h);
    return OPA_OK;
}

/* Which of the three hashes (of the file, in the manifest, in SHA256SUMS) are to be believed. */
static void compare_hashes(verifier *v, const uint8_t digest[OPA_SHA256_SIZE])
{
    opa_shard_check *c = v->c;
    const bool by_manifest =
        c->in_manifest && c->bytes == v->size && !memcmp(digest, c->manifest_sha256, OPA_SHA256_SIZE);
    const bool by_sums = c->in_sums && !memcmp(digest, c->sums_sha256, OPA_SHA256_SIZE);
    v->sound = by_manifest || by_sums;
    c->sums_differ = by_manifest && c->in_sums && !by_sums;
    c->manifest_differs = by_sums && c->in_manifest && !by_manifest;
}

/* ---- one sample ---- */

/* The range is not what the index says, yet its headers are in order: which member is it? The JSON names the image's
 * hash. */
static const char *guess_member(verifier *v, const opa_pack_members *m)
{
    opa_json *doc = NULL;
    opa_decoded decoded;
    const char *out = "json";
    if (m->image.data && opa_json_parse(v->ctx, &doc, m->json, NULL, NULL) == OPA_OK &&
        opa_decode_member(v->ctx, &decoded, doc) == OPA_OK) {
        uint8_t digest[OPA_SHA256_SIZE];
        opa_sha256_of(digest, m->image.data, m->image.size);
        if (opa_digest_distance(digest, decoded.sample.image_sha256) > OPA_DIGEST_NEAR)
            out = m->extension;
    }
    opa_json_free(doc);
    return out;
}

static int explain_altered(verifier *v, const opa_pack_entry *e)
{
    opa_pack_members m;
    opa_range_defect defect;
    if (!opa_range_cut(&m, &defect, opa_buffer_text(&v->range), e->key, v->c->kind))
        return altered(v, OPA_F_MEMBER_ALTERED, e, defect.member, defect.what, e->offset + defect.at);
    const char *extension = guess_member(v, &m);
    char member[OPA_TAR_NAME_SIZE];
    snprintf(member, sizeof member, "%.*s.%s", (int)e->key.size, e->key.data, extension);
    const opa_text body = strcmp(extension, "json") == 0 ? m.json : m.image;
    return altered(v, OPA_F_MEMBER_ALTERED, e, member, "its content is altered",
                   e->offset + (uint64_t)(body.data - v->range.data));
}

static int check_image(verifier *v, const opa_pack_entry *e, const opa_pack_members *m, const opa_sample *s)
{
    char member[OPA_TAR_NAME_SIZE];
    snprintf(member, sizeof member, "%.*s.%s", (int)e->key.size, e->key.data, m->extension ? m->extension : "json");
    if (s->has_image != (m->image.data != NULL) ||
        (s->has_image && (s->image_format == OPA_IMAGE_JPEG) != (v->c->kind == OPA_SHARD_JPG)))
        return altered(v, OPA_F_MEMBER_INVALID, e, member, "the JSON names another kind of image", e->offset);
    if (!s->has_image)
        return OPA_OK;
    uint8_t digest[OPA_SHA256_SIZE];
    opa_sha256_of(digest, m->image.data, m->image.size);
    if (memcmp(digest, s->image_sha256, sizeof digest) != 0)
        return altered(v, OPA_F_MEMBER_INVALID, e, member, "its hash is not the one in the JSON", e->offset);
    if (v->c->skip_images)
        return OPA_OK;
    opa_image_info info;
    const int status = opa_image_check(v->ctx, &info, m->image, NULL);
    const bool other = status == OPA_OK && (info.width != s->image_width || info.height != s->image_height);
    if (status == OPA_ENOMEM)
        return status;
    if (status)
        return altered(v, OPA_F_MEMBER_INVALID, e, member, opa_context_message(v->ctx), e->offset);
    return other ? altered(v, OPA_F_MEMBER_INVALID, e, member, "its size is not the one in the JSON", e->offset)
                 : OPA_OK;
}

static bool seed_is_right(const opa_shard_check *c, const opa_decoded *d)
{
    char hex[17];
    if (!c->has_seed || !d->mask_seed.data)
        return true;
    snprintf(hex, sizeof hex, "%016" PRIx64, opa_mask_seed(d->sample.id, c->seed, 0));
    return memcmp(hex, d->mask_seed.data, 16) == 0;
}

static int check_members(verifier *v, const opa_pack_entry *e, const opa_pack_members *m)
{
    opa_shard_check *c = v->c;
    opa_json *doc = NULL;
    opa_decoded d;
    char member[OPA_TAR_NAME_SIZE];
    snprintf(member, sizeof member, "%.*s.json", (int)e->key.size, e->key.data);
    opa_json_options strict = OPA_JSON_OPTIONS_INIT;
    int status = opa_json_parse(v->ctx, &doc, m->json, &strict, NULL);
    if (status == OPA_OK)
        status = opa_decode_member(v->ctx, &d, doc);
    if (status == OPA_ENOMEM)
        goto done;
    const uint64_t at = e->offset + (uint64_t)(m->json.data - v->range.data);
    if (status)
        status = altered(v, OPA_F_MEMBER_INVALID, e, member, opa_context_message(v->ctx), at);
    else if (!opa_text_equal(d.sample.id, e->id))
        status = altered(v, OPA_F_MEMBER_INVALID, e, member, "its id is not that of the index", at);
    else if (!seed_is_right(c, &d))
        status = altered(v, OPA_F_MEMBER_INVALID, e, member, "its mask seed does not follow from the pack's seed", at);
    else if ((status = check_image(v, e, m, &d.sample)) == OPA_OK) {
        c->decoded++;
        c->pairs.language += d.pairs.language;
        c->pairs.image += d.pairs.image;
        c->pairs.anchor += d.pairs.anchor;
        for (int r = 0; r < OPA_ROLES; r++)
            c->tokens[r] += d.tokens[r];
        if (d.sample.has_image)
            memcpy(c->images[c->image_count++], d.sample.image_sha256, OPA_SHA256_SIZE);
    }
done:
    opa_json_free(doc);
    return status;
}

static int check_entry(verifier *v, const opa_pack_entry *e)
{
    opa_pack_members m;
    opa_range_defect defect;
    uint8_t digest[OPA_SHA256_SIZE];
    int status = opa_file_read(v->ctx, v->fd, v->c->name, e->offset, (size_t)e->size, &v->range);
    if (status == OPA_EDATA)
        return OPA_OK; /* cut: said already */
    if (status)
        return status;
    opa_sha256_of(digest, v->range.data, v->range.size);
    if (memcmp(digest, e->sha256, sizeof digest) != 0) {
        if (!v->sound)
            return explain_altered(v, e);
        /* The shard is as it was written, so the line of the index is not; said once for the file, unless nothing else
         * tells. */
        return v->c->index_sound
                   ? add(v, OPA_F_MANIFEST_INVALID, e, "index.tsv: the hash of this sample is not that of its range")
                   : OPA_OK;
    }
    if (!opa_range_cut(&m, &defect, opa_buffer_text(&v->range), e->key, v->c->kind))
        return altered(v, OPA_F_MEMBER_INVALID, e, defect.member, defect.what, e->offset + defect.at);
    return check_members(v, e, &m);
}

/* ---- the shard around the samples ---- */

/* Ranges must follow each other without gap from the first byte; *end is where they stop. */
static int check_tiling(verifier *v, uint64_t *end)
{
    *end = 0;
    for (size_t i = 0; i < v->c->entry_count; i++) {
        const opa_pack_entry *e = v->c->entries[i];
        if (e->offset != *end && v->c->index_sound) {
            char message[160];
            const bool gap = e->offset > *end;
            snprintf(message, sizeof message, "bytes %" PRIu64 " to %" PRIu64 " of the shard are in %s",
                     gap ? *end : e->offset, gap ? e->offset : *end, gap ? "no sample" : "two samples");
            const int status = add(v, e->offset > *end ? OPA_F_MEMBER_EXTRA : OPA_F_MANIFEST_INVALID, e, message);
            if (status)
                return status;
        }
        *end = e->offset + e->size;
    }
    return OPA_OK;
}

/* Two empty blocks and nothing else behind the last sample. */
static int check_end(verifier *v, uint64_t end)
{
    if (!v->c->index_sound || end > v->size || v->size - end < OPA_TAR_END)
        return OPA_OK;
    const size_t n = v->size - end < STREAM_SIZE ? (size_t)(v->size - end) : STREAM_SIZE;
    int status = opa_file_read(v->ctx, v->fd, v->c->name, end, n, &v->range);
    if (status)
        return status == OPA_EDATA ? OPA_OK : status;
    for (size_t i = 0; i < n; i++)
        if (v->range.data[i] != '\0' || i >= OPA_TAR_END)
            return altered(v, OPA_F_SHARD_ALTERED, NULL, v->c->name, "bytes at the archive's end that are not its own",
                           end + i);
    return OPA_OK;
}

static int check_length(verifier *v, uint64_t end)
{
    const uint64_t wanted = v->c->in_manifest && !v->c->manifest_differs ? v->c->bytes : end + OPA_TAR_END;
    if (v->size >= wanted)
        return OPA_OK;
    const opa_pack_entry *first = NULL;
    size_t lost = 0;
    for (size_t i = 0; i < v->c->entry_count; i++)
        if (v->c->entries[i]->offset + v->c->entries[i]->size > v->size) {
            first = first ? first : v->c->entries[i];
            lost++;
        }
    char message[320];
    snprintf(message, sizeof message, "cut at byte %" PRIu64 " of %" PRIu64 "; %zu samples are lost%s%.*s", v->size,
             wanted, lost, first ? ", the first is " : "", first ? (int)first->key.size : 0,
             first ? first->key.data : "");
    return add(v, OPA_F_SHARD_TRUNCATED, first, message);
}

static int check_all(verifier *v)
{
    uint8_t digest[OPA_SHA256_SIZE];
    uint64_t end;
    opa_shard_check *c = v->c;
    int status = hash_file(v, digest);
    if (status)
        return status;
    compare_hashes(v, digest);
    if ((status = check_tiling(v, &end)) || (status = check_length(v, end)))
        return status;
    for (size_t i = 0; i < c->entry_count; i++) {
        if ((status = check_entry(v, c->entries[i])))
            return status;
        atomic_fetch_add(v->done, 1);
    }
    if ((status = check_end(v, end)))
        return status;
    if (c->findings.count > 0)
        return OPA_OK;
    if (!v->sound)
        return add(v, OPA_F_SHARD_ALTERED, NULL,
                   "the hash of the shard is neither that of the manifest nor that of SHA256SUMS");
    const char *defect = NULL;
    if (c->index_sound)
        status = opa_second_opinion(v->ctx, &defect, v->fd, c);
    return status || !defect ? status : add(v, OPA_F_SHARD_ALTERED, NULL, defect);
}

int opa_shard_verify(opa_context *ctx, opa_shard_check *check, int folder, _Atomic int64_t *done)
{
    verifier v = {.ctx = ctx, .c = check, .fd = -1, .done = done};
    int status = opa_file_open(ctx, folder, check->name, &v.fd, &v.size);
    if (status == OPA_ENOENT || status == OPA_EDATA) {
        check->missing = true;
        char message[96];
        snprintf(message, sizeof message, "the shard is missing; %zu samples are lost", check->entry_count);
        return add(&v, OPA_F_SHARD_MISSING, NULL, message);
    }
    if (status)
        return status;
    check->images = calloc(check->entry_count + 1, sizeof *check->images);
    status = check->images ? check_all(&v) : opa_fail_memory(ctx);
    close(v.fd);
    opa_buffer_release(&v.range);
    return status;
}
