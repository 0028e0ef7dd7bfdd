/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/sha256.h"

static void release_remarks(opa_remarks *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].id_json);
        free(list->items[i].text);
    }
    free(list->items);
    *list = (opa_remarks){0};
}

void opa_manifest_release(opa_manifest *m)
{
    for (size_t i = 0; i < m->shard_count; i++)
        free(m->shards[i].name);
    free(m->shards);
    release_remarks(&m->left_out);
    release_remarks(&m->flagged);
    *m = (opa_manifest){0};
}

/* Room for one more of @p size bytes at the end of a list. */
static bool grow(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    const size_t more = *capacity ? *capacity * 2 : 16;
    void *p = realloc(*items, more * size);
    if (!p)
        return false;
    *items = p;
    *capacity = more;
    return true;
}

static char *quote(opa_context *ctx, opa_text id)
{
    opa_json_writer *w;
    opa_text quoted;
    char *out = NULL;
    if (opa_json_writer_new(ctx, &w))
        return NULL;
    opa_json_write_text(w, id);
    if (opa_json_writer_finish(w, &quoted) == OPA_OK)
        out = strndup(quoted.data, quoted.size);
    opa_json_writer_free(w);
    return out;
}

int opa_manifest_remark(opa_context *ctx, opa_remarks *list, opa_text id, int code, const char *text)
{
    void *items = list->items;
    if (!grow(&items, list->count, &list->capacity, sizeof *list->items))
        return opa_fail_memory(ctx);
    list->items = items;
    opa_remark *r = &list->items[list->count];
    *r = (opa_remark){.code = code, .id_json = quote(ctx, id), .text = strdup(text)};
    if (!r->id_json || !r->text) {
        free(r->id_json);
        free(r->text);
        return opa_fail_memory(ctx);
    }
    list->count++;
    return OPA_OK;
}

opa_shard *opa_manifest_shard(opa_manifest *m, const char *name)
{
    void *items = m->shards;
    char *copy = strdup(name);
    if (!copy || !grow(&items, m->shard_count, &m->shard_capacity, sizeof *m->shards)) {
        free(copy);
        return NULL;
    }
    m->shards = items;
    m->shards[m->shard_count] = (opa_shard){.name = copy};
    return &m->shards[m->shard_count++];
}

static void write_string(opa_json_writer *w, const char *key, const char *value)
{
    opa_json_write_key(w, key);
    opa_json_write_string(w, value);
}

static void write_count(opa_json_writer *w, const char *key, uint64_t n)
{
    char digits[24];
    const int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    opa_json_write_key(w, key);
    opa_json_write_raw(w, (opa_text){digits, (size_t)size});
}

static void write_tokenizer(opa_json_writer *w, const opa_manifest *m)
{
    opa_json_write_key(w, "tokenizer");
    opa_json_begin_object(w);
    write_string(w, "kind", opa_tokenizer_kind(m->tokenizer));
    write_string(w, "fingerprint", opa_tokenizer_fingerprint(m->tokenizer));
    opa_json_write_key(w, "eos");
    if (m->eos < 0) {
        opa_json_write_null(w);
    } else {
        opa_json_begin_object(w);
        write_count(w, "id", (uint64_t)m->eos);
        opa_json_write_key(w, "piece");
        opa_json_write_text(w, opa_tokenizer_piece(m->tokenizer, m->eos));
        opa_json_end_object(w);
    }
    opa_json_end_object(w);
}

static void write_counts(opa_json_writer *w, const opa_manifest *m)
{
    opa_json_write_key(w, "counts");
    opa_json_begin_object(w);
    write_count(w, "samples", m->samples);
    write_count(w, "images", m->images);
    opa_json_write_key(w, "pairs");
    opa_json_begin_object(w);
    write_count(w, "language", m->pairs.language);
    write_count(w, "image", m->pairs.image);
    write_count(w, "anchor", m->pairs.anchor);
    opa_json_end_object(w);
    opa_json_write_key(w, "tokens");
    opa_json_begin_object(w);
    for (int r = 0; r < OPA_ROLES; r++)
        write_count(w, opa_role_names[r], m->tokens[r]);
    opa_json_end_object(w);
    write_count(w, "left_out", m->left_out.count);
    opa_json_end_object(w);
}

static void write_shards(opa_json_writer *w, const opa_manifest *m)
{
    opa_json_write_key(w, "shards");
    opa_json_begin_array(w);
    for (size_t i = 0; i < m->shard_count; i++) {
        char hex[2 * OPA_SHA256_SIZE + 1];
        opa_hex(hex, m->shards[i].sha256, OPA_SHA256_SIZE);
        opa_json_begin_object(w);
        write_string(w, "name", m->shards[i].name);
        write_count(w, "samples", m->shards[i].samples);
        write_count(w, "bytes", m->shards[i].bytes);
        write_string(w, "sha256", hex);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
}

static void write_remarks(opa_json_writer *w, const char *key, const char *text_key, const opa_remarks *list)
{
    opa_json_write_key(w, key);
    opa_json_begin_array(w);
    for (size_t i = 0; i < list->count; i++) {
        const opa_remark *r = &list->items[i];
        const opa_code_info *info = opa_code_lookup(r->code);
        char code[16];
        snprintf(code, sizeof code, "OP%03d", r->code);
        opa_json_begin_object(w);
        opa_json_write_key(w, "id");
        opa_json_write_raw(w, (opa_text){r->id_json, strlen(r->id_json)});
        write_string(w, "code", code);
        write_string(w, "name", info ? info->name : NULL);
        write_string(w, text_key, r->text);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const opa_shard *)a)->name, ((const opa_shard *)b)->name);
}

int opa_manifest_write(opa_context *ctx, opa_json_writer *w, opa_manifest *m, opa_text *out)
{
    if (m->shard_count)
        qsort(m->shards, m->shard_count, sizeof *m->shards, by_name);
    opa_json_begin_object(w);
    write_count(w, "schema_version", OPA_PACK_SCHEMA_VERSION);
    opa_json_write_key(w, "recipe");
    opa_json_write_raw(w, opa_recipe_json(m->recipe));
    write_count(w, "seed", m->seed);
    write_tokenizer(w, m);
    write_counts(w, m);
    write_shards(w, m);
    write_remarks(w, "left_out", "reason", &m->left_out);
    write_remarks(w, "flagged", "message", &m->flagged);
    opa_json_end_object(w);
    return opa_json_writer_finish(w, out) ? opa_fail_memory(ctx) : OPA_OK;
}

int opa_manifest_fail_newer(opa_context *ctx, int64_t version)
{
    return opa_fail(
        ctx, OPA_EVERSION,
        "manifest.json: the pack has schema version %lld, this program knows up to %d: use a newer opapairs",
        (long long)version, OPA_PACK_SCHEMA_VERSION);
}
