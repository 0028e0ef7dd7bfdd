/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset.h"

#include <stdio.h>
#include <stdlib.h>

#include "json_fields.h"

/* Seeds go up to 2^64 - 1, which a reader of int64 does not take. */
static int read_seed(struct trainer *t, struct dataset_pack *p)
{
    const opa_json *manifest = opa_pack_manifest(p->pack);
    opa_text digits;
    char text[24] = "", *end = text;
    if (opa_json_lexeme(manifest, opa_json_get(opa_json_root(manifest), "seed"), &digits) &&
        digits.size < sizeof text) {
        snprintf(text, sizeof text, "%.*s", (int)digits.size, digits.data);
        p->seed = strtoull(text, &end, 10);
    }
    return end != text && *end == '\0' ? OPA_OK : trainer_fail(t, OPA_EDATA, "%s: manifest.json: no seed", p->path);
}

static int open_pack(struct trainer *t, struct dataset *d, const char *path)
{
    struct dataset_pack *p = &d->packs[d->pack_count];
    *p = (struct dataset_pack){.path = path};
    int status = opa_pack_open(t->opa, &p->pack, path);
    if (status != OPA_OK)
        return trainer_fail_library(t, status, path);
    d->pack_count++;
    status = read_seed(t, p);
    if (status == OPA_OK && (status = packed_check_tokenizer(t, &p->by_text, p->pack, d->tokenizer)) != OPA_OK)
        trainer_fail_about(t, status, path);
    const size_t more = opa_pack_count(p->pack);
    struct dataset_place *grown = realloc(d->places, (d->count + more + 1) * sizeof *grown);
    if (grown == NULL)
        return trainer_fail_memory(t);
    d->places = grown;
    for (size_t i = 0; i < more; i++)
        d->places[d->count++] = (struct dataset_place){d->pack_count - 1, i};
    return status;
}

int dataset_open(struct trainer *t, struct dataset *out, char *const *paths, size_t count,
                 const opa_tokenizer *tokenizer)
{
    *out = (struct dataset){.tokenizer = tokenizer, .packs = calloc(count + 1, sizeof *out->packs)};
    int status = out->packs ? OPA_OK : trainer_fail_memory(t);
    for (size_t i = 0; i < count && status == OPA_OK; i++)
        status = open_pack(t, out, paths[i]);
    return status;
}

void dataset_release(struct dataset *d)
{
    for (size_t i = 0; i < d->pack_count; i++)
        opa_pack_free(d->packs[i].pack);
    free(d->packs);
    free(d->places);
    *d = (struct dataset){0};
}

const struct dataset_pack *dataset_pack_of(const struct dataset *d, size_t i)
{
    return &d->packs[d->places[i].pack];
}

int dataset_read(struct trainer *t, const struct dataset *d, struct packed *out, size_t i)
{
    const struct dataset_pack *p = dataset_pack_of(d, i);
    int status = packed_read(t, out, p->pack, d->places[i].index);
    if (status == OPA_OK && p->by_text)
        status = packed_check_text(t, out, d->tokenizer);
    /* Of a bad record the pack's path and the id are said where it is left out. */
    return status == OPA_OK || status == OPA_ERECORD ? status : trainer_fail_about(t, status, p->path);
}

void dataset_keep(struct dataset *d, const bool *keep)
{
    size_t n = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (keep[i])
            d->places[n++] = d->places[i];
    }
    d->count = n;
}

int dataset_order(struct trainer *t, uint32_t *out, size_t count, uint64_t seed, uint64_t epoch)
{
    if (count > UINT32_MAX)
        return trainer_fail(t, OPA_EDATA, "more than %u samples", UINT32_MAX);
    opa_mask_draw(out, (uint32_t)count, 1.0, opa_mask_seed(OPA_TEXT("order"), seed, epoch));
    return OPA_OK;
}
