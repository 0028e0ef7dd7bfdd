/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* qsort_r */
#include "pack/index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "pack/tar.h"

enum { COLUMNS = 6 };

static int compare(opa_text a, opa_text b)
{
    const size_t n = a.size < b.size ? a.size : b.size;
    const int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool parse_number(uint64_t *out, opa_text t)
{
    *out = 0;
    if (t.size < 1 || t.size > 18 || (t.data[0] == '0' && t.size > 1))
        return false;
    for (size_t i = 0; i < t.size; i++) {
        if (t.data[i] < '0' || t.data[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(t.data[i] - '0');
    }
    return true;
}

/* An id as it stands inside a JSON string; copied only when it has escapes. */
static int parse_id(opa_context *ctx, opa_text *out, opa_index *index, opa_text escaped)
{
    if (!memchr(escaped.data, '\\', escaped.size)) {
        *out = escaped;
        return opa_wtf8_valid(escaped) == escaped.size && !memchr(escaped.data, '"', escaped.size) ? OPA_OK : OPA_EDATA;
    }
    opa_buffer quoted = {0};
    opa_buffer_add_char(&quoted, '"');
    opa_buffer_add_text(&quoted, escaped);
    opa_buffer_add_char(&quoted, '"');
    opa_json *doc = NULL;
    opa_text text;
    int status = quoted.failed ? OPA_ENOMEM : opa_json_parse(ctx, &doc, opa_buffer_text(&quoted), NULL, NULL);
    if (status == OPA_OK && !opa_json_text(doc, opa_json_root(doc), &text))
        status = OPA_EDATA;
    if (status == OPA_OK) {
        *out = opa_arena_text(index->memory, text);
        status = out->data ? OPA_OK : OPA_ENOMEM;
    }
    opa_json_free(doc);
    opa_buffer_release(&quoted);
    return status;
}

/* Cut a line at its tabs; false: not six columns. */
static bool columns(opa_text *out, opa_text line)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *tab = line.size ? memchr(line.data, '\t', line.size) : NULL;
        if ((tab == NULL) != (i == COLUMNS - 1))
            return false;
        out[i] = (opa_text){line.data, tab ? (size_t)(tab - line.data) : line.size};
        if (tab) {
            line.size -= out[i].size + 1;
            line.data = tab + 1;
        }
    }
    return true;
}

/* OPA_OK, OPA_EDATA with *what, or OPA_ENOMEM. */
static int parse_line(opa_context *ctx, opa_index *index, opa_pack_entry *out, opa_text line, const char **what)
{
    opa_text c[COLUMNS];
    char key[OPA_KEY_SIZE], hex[2 * OPA_SHA256_SIZE + 1];
    opa_shard_kind kind;
    uint32_t number;
    *what = "six columns separated by tabs are expected";
    if (!columns(c, line))
        return OPA_EDATA;
    *what = "the id is no text";
    const int status = parse_id(ctx, &out->id, index, c[1]);
    if (status)
        return status == OPA_ENOMEM ? status : OPA_EDATA;
    out->key = c[0];
    out->shard = c[2];
    opa_sample_key(key, out->id);
    *what = "the key is not that of the id";
    if (strlen(key) != c[0].size || memcmp(key, c[0].data, c[0].size) != 0)
        return OPA_EDATA;
    *what = "no shard has such a name";
    if (!opa_shard_name_parse(c[2], &kind, &number))
        return OPA_EDATA;
    *what = "offset or size is impossible";
    if (!parse_number(&out->offset, c[3]) || !parse_number(&out->size, c[4]) || out->offset % OPA_TAR_BLOCK ||
        out->size % OPA_TAR_BLOCK || out->size < OPA_TAR_BLOCK || out->size > OPA_PACK_MAX_RANGE)
        return OPA_EDATA;
    *what = "the hash is malformed";
    if (c[5].size != sizeof hex - 1)
        return OPA_EDATA;
    memcpy(hex, c[5].data, sizeof hex - 1);
    hex[sizeof hex - 1] = '\0';
    return opa_unhex(out->sha256, hex, OPA_SHA256_SIZE) ? OPA_OK : OPA_EDATA;
}

static int by_id(const void *a, const void *b, void *entries)
{
    const uint32_t *x = a, *y = b;
    const opa_pack_entry *e = entries;
    return compare(e[*x].id, e[*y].id);
}

static int sort_ids(opa_context *ctx, opa_index *index)
{
    index->by_id = malloc((index->count + 1) * sizeof *index->by_id);
    if (!index->by_id)
        return opa_fail_memory(ctx);
    for (size_t i = 0; i < index->count; i++)
        index->by_id[i] = (uint32_t)i;
    qsort_r(index->by_id, index->count, sizeof *index->by_id, by_id, index->entries);
    for (size_t i = 1; i < index->count; i++)
        if (compare(index->entries[index->by_id[i - 1]].id, index->entries[index->by_id[i]].id) == 0)
            return opa_fail(ctx, OPA_EDATA, "index.tsv: line %u: the id stands in another line too",
                            (unsigned)index->by_id[i] + 1);
    return OPA_OK;
}

static int parse_lines(opa_context *ctx, opa_index *index, opa_text bytes)
{
    for (size_t at = 0; at < bytes.size;) {
        const char *end = memchr(bytes.data + at, '\n', bytes.size - at);
        const unsigned line = (unsigned)index->count + 1;
        if (!end)
            return opa_fail(ctx, OPA_EDATA, "index.tsv: line %u: it has no end, the file is cut", line);
        const opa_text text = {bytes.data + at, (size_t)(end - bytes.data) - at};
        const char *what;
        const int status = parse_line(ctx, index, &index->entries[index->count], text, &what);
        if (status == OPA_ENOMEM)
            return opa_fail_memory(ctx);
        if (status)
            return opa_fail(ctx, OPA_EDATA, "index.tsv: line %u: %s", line, what);
        index->count++;
        if (line > 1 && compare(index->entries[line - 2].key, index->entries[line - 1].key) >= 0)
            return opa_fail(ctx, OPA_EDATA, "index.tsv: line %u: keys are not ascending", line);
        at = (size_t)(end - bytes.data) + 1;
    }
    return sort_ids(ctx, index);
}

int opa_index_parse(opa_context *ctx, opa_index *out, opa_text bytes)
{
    *out = (opa_index){0};
    size_t lines = 0;
    for (size_t i = 0; i < bytes.size; i++)
        lines += bytes.data[i] == '\n';
    if (lines > UINT32_MAX - 1)
        return opa_fail(ctx, OPA_EDATA, "index.tsv: too many lines");
    out->entries = calloc(lines + 1, sizeof *out->entries);
    out->memory = opa_arena_new();
    const int status = out->entries && out->memory ? parse_lines(ctx, out, bytes) : opa_fail_memory(ctx);
    if (status)
        opa_index_release(out);
    return status;
}

void opa_index_release(opa_index *index)
{
    free(index->entries);
    free(index->by_id);
    opa_arena_free(index->memory);
    *index = (opa_index){0};
}

bool opa_index_find(const opa_index *index, size_t *out, opa_text id_or_key)
{
    for (int pass = 0; pass < 2; pass++) {
        size_t low = 0, high = index->count;
        while (low < high) {
            const size_t middle = low + (high - low) / 2;
            const size_t place = pass == 0 ? index->by_id[middle] : middle;
            const opa_pack_entry *e = &index->entries[place];
            const int order = compare(pass == 0 ? e->id : e->key, id_or_key);
            if (order == 0) {
                *out = place;
                return true;
            }
            if (order < 0)
                low = middle + 1;
            else
                high = middle;
        }
    }
    return false;
}

int opa_index_add_line(opa_context *ctx, opa_buffer *out, const opa_pack_entry *entry)
{
    opa_json_writer *w;
    opa_text quoted;
    char hex[2 * OPA_SHA256_SIZE + 1];
    int status = opa_json_writer_new(ctx, &w);
    if (status)
        return status;
    opa_json_write_text(w, entry->id);
    status = opa_json_writer_finish(w, &quoted);
    if (status == OPA_OK) {
        opa_hex(hex, entry->sha256, OPA_SHA256_SIZE);
        opa_buffer_add_text(out, entry->key);
        opa_buffer_add_char(out, '\t');
        opa_buffer_add(out, quoted.data + 1, quoted.size - 2);
        opa_buffer_add_char(out, '\t');
        opa_buffer_add_text(out, entry->shard);
        opa_buffer_printf(out, "\t%" PRIu64 "\t%" PRIu64 "\t%s\n", entry->offset, entry->size, hex);
    }
    opa_json_writer_free(w);
    return status == OPA_OK && !out->failed ? OPA_OK : opa_fail_memory(ctx);
}
