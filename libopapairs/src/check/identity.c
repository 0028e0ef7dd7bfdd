/* SPDX-License-Identifier: Apache-2.0 */
#include "check/identity.h"

#include <stdlib.h>

#include "base/findings.h"
#include "base/utf8.h"

#define SHOWN_ID 120 /* bytes of an id in a message */

void opa_identity_release(opa_identity *identity)
{
    opa_hashes_release(&identity->images);
    opa_hashes_release(&identity->image_ids);
    opa_hashes_release(&identity->texts);
    opa_arena_free(identity->arena);
    free(identity->ids);
    *identity = (opa_identity){0};
}

static bool push_id(opa_identity *identity, opa_text id)
{
    if (!identity->arena && !(identity->arena = opa_arena_new()))
        return false;
    if (identity->count == identity->capacity) {
        const size_t capacity = identity->capacity ? identity->capacity * 2 : 64;
        if (capacity > UINT32_MAX)
            return false;
        opa_text *ids = realloc(identity->ids, capacity * sizeof *ids);
        if (!ids)
            return false;
        identity->ids = ids;
        identity->capacity = capacity;
    }
    const opa_text copy = opa_arena_text(identity->arena, id.data ? id : OPA_TEXT(""));
    if (!copy.data)
        return false;
    identity->ids[identity->count++] = copy;
    return true;
}

/* Sample number @p n has @p key; @p value is kept when it is the first. */
static bool note(opa_hashes *map, opa_hash key, opa_hash value, uint32_t n)
{
    opa_hash_entry *e = opa_hashes_add(map, key);
    if (!e)
        return false;
    if (e->count == 0) {
        e->first = n;
        e->value = value;
    } else if (e->count == 1) {
        e->second = n;
    }
    if (e->count < UINT32_MAX)
        e->count++;
    return true;
}

static bool names_image(const opa_sample *sample)
{
    return sample->has_image && sample->image_id.data && sample->image_id.size > 0;
}

int opa_identity_note(opa_identity *identity, const opa_sample *sample)
{
    const uint32_t n = (uint32_t)identity->count;
    const opa_hash image = sample->has_image ? opa_hash_of_digest(sample->image_sha256) : (opa_hash){0};
    if (!push_id(identity, sample->id))
        return OPA_ENOMEM;
    if (sample->has_image && !note(&identity->images, image, image, n))
        return OPA_ENOMEM;
    if (names_image(sample) && !note(&identity->image_ids, opa_hash_of_text(sample->image_id), image, n))
        return OPA_ENOMEM;
    if (!opa_text_blank(sample->generated) &&
        !note(&identity->texts, opa_hash_of_text(sample->generated), (opa_hash){0}, n))
        return OPA_ENOMEM;
    return OPA_OK;
}

static int shown(opa_text id)
{
    return (int)opa_utf8_cut(id, SHOWN_ID);
}

/* One other sample of an entry that has several. */
static opa_text other(const opa_identity *identity, const opa_hash_entry *e, opa_text id)
{
    const opa_text first = identity->ids[e->first];
    return opa_text_equal(first, id) ? identity->ids[e->second] : first;
}

static int check_shared(const opa_identity *identity, const opa_hashes *map, opa_hash key, const opa_sample *sample,
                        int code, opa_findings *findings)
{
    const opa_hash_entry *e = opa_hashes_find(map, key);
    if (!e || e->count < 2)
        return OPA_OK;
    const opa_text who = other(identity, e, sample->id);
    if (code == OPA_F_IMAGE_SHARED)
        return opa_findings_add(findings, code, 0, "image", "%u samples use this image; another is %.*s", e->count,
                                shown(who), who.data);
    return opa_findings_add(findings, code, 0, "generated", "%u samples have this response; another is %.*s", e->count,
                            shown(who), who.data);
}

/* One image_id with several images: a finding on each sample whose image is not that of the first. */
static int check_image_id(const opa_identity *identity, const opa_sample *sample, opa_findings *findings)
{
    const opa_hash_entry *e = opa_hashes_find(&identity->image_ids, opa_hash_of_text(sample->image_id));
    if (!e || opa_hash_equal(e->value, opa_hash_of_digest(sample->image_sha256)))
        return OPA_OK;
    const opa_text first = identity->ids[e->first];
    return opa_findings_add(findings, OPA_F_IMAGE_ID_REUSED, 0, "image_id",
                            "%.*s has another image under the same image_id", shown(first), first.data);
}

int opa_identity_check(const opa_identity *identity, const opa_sample *sample, opa_findings *findings)
{
    int status = OPA_OK;
    if (names_image(sample))
        status = check_image_id(identity, sample, findings);
    if (status == OPA_OK && sample->has_image)
        status = check_shared(identity, &identity->images, opa_hash_of_digest(sample->image_sha256), sample,
                              OPA_F_IMAGE_SHARED, findings);
    if (status == OPA_OK && !opa_text_blank(sample->generated))
        status = check_shared(identity, &identity->texts, opa_hash_of_text(sample->generated), sample,
                              OPA_F_TEXT_SHARED, findings);
    return status;
}
