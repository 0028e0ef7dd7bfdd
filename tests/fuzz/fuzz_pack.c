/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile pack, in memory: [2 bytes, little-endian: size of the index][index.tsv][shard]. Every range that the index
 * gives is cut in its members, whatever its hash, and each JSON member is decoded. SHA256SUMS and manifest parsing get
 * the same bytes. */
#include <opapairs/pack.h>

#include <stdlib.h>

#include "pack/decode.h"
#include "pack/index.h"
#include "pack/sums.h"
#include "pack/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_entry(opa_context *ctx, const opa_index *index, size_t i, opa_text shard)
{
    const opa_pack_entry *e = &index->entries[i];
    opa_shard_kind kind;
    uint32_t number;
    opa_pack_members m;
    opa_range_defect defect;
    size_t at;
    if (!opa_index_find(index, &at, e->key) || !opa_index_find(index, &at, e->id))
        abort();
    if (e->offset > shard.size || e->size > shard.size - e->offset || !opa_shard_name_parse(e->shard, &kind, &number))
        return;
    if (!opa_range_cut(&m, &defect, (opa_text){shard.data + e->offset, (size_t)e->size}, e->key, kind)) {
        if (defect.at > e->size)
            abort();
        return;
    }
    opa_json *doc;
    opa_decoded decoded;
    if (opa_json_parse(ctx, &doc, m.json, NULL, NULL) == OPA_OK) {
        opa_decode_member(ctx, &decoded, doc);
        opa_json_free(doc);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    opa_context *ctx;
    opa_index index;
    opa_sums sums;
    opa_recipe *recipe;
    opa_json *doc;
    opa_decoded decoded;
    if (size < 2 || opa_context_new(&ctx))
        return 0;
    const size_t head = (size_t)data[0] | (size_t)data[1] << 8;
    const opa_text rest = {(const char *)data + 2, size - 2};
    const size_t cut = head < rest.size ? head : rest.size;
    const opa_text first = {rest.data, cut}, shard = {rest.data + cut, rest.size - cut};
    if (opa_index_parse(ctx, &index, first) == OPA_OK) {
        for (size_t i = 0; i < index.count; i++)
            try_entry(ctx, &index, i, shard);
        opa_index_release(&index);
    }
    opa_sums_parse(ctx, &sums, first);
    opa_sums_release(&sums);
    if (opa_recipe_parse(ctx, &recipe, first) == OPA_OK)
        opa_recipe_free(recipe);
    if (opa_json_parse(ctx, &doc, first, NULL, NULL) == OPA_OK) {
        opa_decode_member(ctx, &decoded, doc);
        opa_json_free(doc);
    }
    opa_text_loops(first);
    opa_text_repeats_released(first);
    opa_context_free(ctx);
    return 0;
}
