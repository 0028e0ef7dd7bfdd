/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/context.h"
#include "base/findings.h"
#include "base/sha256.h"

/* Memory that an empty batch keeps; a single huge record is not remembered. */
#define KEEP_BYTES ((size_t)16 << 20)

int opa_batch_reader_init(opa_batch_reader *out)
{
    *out = (opa_batch_reader){0};
    int status = opa_context_new(&out->ctx);
    if (status == OPA_OK)
        status = opa_json_writer_new(out->ctx, &out->writer);
    if (status != OPA_OK)
        opa_batch_reader_release(out);
    return status;
}

void opa_batch_reader_release(opa_batch_reader *reader)
{
    opa_json_writer_free(reader->writer);
    opa_context_free(reader->ctx);
    *reader = (opa_batch_reader){0};
}

opa_item *opa_batch_add(opa_batch *batch, const opa_json_record *record)
{
    if (batch->count == batch->capacity) {
        const size_t capacity = batch->capacity ? batch->capacity * 2 : 64;
        opa_item *items = realloc(batch->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        batch->items = items;
        batch->capacity = capacity;
    }
    const size_t begin = batch->raw.size;
    opa_buffer_add_text(&batch->raw, record->bytes);
    if (batch->raw.failed)
        return NULL;
    opa_item *item = &batch->items[batch->count++];
    *item = (opa_item){
        .at = {begin, batch->raw.size}, .index = record->index, .line = record->line, .truncated = record->truncated};
    return item;
}

void opa_batch_clear(opa_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        opa_incoming_release(&batch->items[i].in);
    batch->count = 0;
    opa_buffer_clear(&batch->raw);
    if (batch->raw.capacity > KEEP_BYTES)
        opa_buffer_release(&batch->raw);
    if (batch->room_size > KEEP_BYTES) {
        free(batch->room);
        batch->room = NULL;
        batch->room_size = 0;
    }
    batch->source = NULL;
    batch->next = NULL;
    batch->bytes = 0;
    batch->last = batch->done = false;
}

void opa_batch_free(opa_batch *batch)
{
    if (!batch)
        return;
    opa_batch_clear(batch);
    opa_buffer_release(&batch->raw);
    free(batch->room);
    free(batch->items);
    free(batch);
}

/* ---- reading ---- */

static int note(opa_context *ctx, opa_incoming *in, int code, const char *message)
{
    return opa_findings_add(&in->findings, code, 0, NULL, "%s", message) == OPA_OK ? OPA_OK : opa_fail_memory(ctx);
}

static int refuse(opa_context *ctx, opa_incoming *in, int code, const char *message)
{
    const int status = note(ctx, in, code, message);
    return status == OPA_OK ? OPA_ERECORD : status;
}

/* The record's bytes to an incoming sample or edit. */
static int read_record(opa_reader *reader, const opa_format *format, opa_item *item)
{
    opa_incoming *in = &item->in;
    if (item->oversize)
        return refuse(reader->ctx, in, OPA_F_JSON_SIZE, "the record is larger than 256 MiB; its bytes were not kept");
    if (item->truncated)
        return refuse(reader->ctx, in, OPA_F_FILE_TRUNCATED, "the file ends inside this record");
    const size_t before = in->findings.count;
    int status = opa_json_parse(reader->ctx, &in->doc, in->bytes, NULL, &in->findings);
    if (status == OPA_EDATA)
        return in->findings.count > before
                   ? OPA_ERECORD
                   : refuse(reader->ctx, in, OPA_F_JSON_INVALID, opa_context_message(reader->ctx));
    if (status != OPA_OK)
        return status;
    const struct cJSON *root = opa_json_root(in->doc);
    item->readable = in->bytes.size > 0 && in->bytes.data[0] == '{';
    if (!item->readable)
        return refuse(reader->ctx, in, OPA_F_RECORD_KIND, "a record is an object, this is none");
    if (!format)
        return refuse(reader->ctx, in, OPA_F_RECORD_KIND, "a record of no known format");
    return format->read(reader, in, root);
}

static void number(opa_sha256 *h, uint64_t n)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(n >> 8 * i);
    opa_sha256_add(h, bytes, sizeof bytes);
}

void opa_raw_address(uint8_t out[OPA_SHA256_SIZE], opa_text head, opa_text tail, const uint8_t *image)
{
    opa_sha256 h;
    opa_sha256_init(&h);
    opa_sha256_add(&h, head.data, head.size);
    opa_sha256_add(&h, tail.data, tail.size);
    if (image) {
        number(&h, head.size);
        opa_sha256_add(&h, image, OPA_SHA256_SIZE);
    }
    opa_sha256_done(out, &h);
}

void opa_raw_address_lost(uint8_t out[OPA_SHA256_SIZE], const char *file, int64_t index)
{
    opa_sha256 h;
    opa_sha256_init(&h);
    opa_sha256_add(&h, file, strlen(file) + 1);
    number(&h, (uint64_t)index);
    opa_sha256_done(out, &h);
}

static void address(opa_item *item, const opa_source *source)
{
    const opa_incoming *in = &item->in;
    const bool cut = in->cut.end > in->cut.begin;
    if (item->oversize)
        opa_raw_address_lost(item->sha256, source->name, item->index);
    else
        opa_raw_address(item->sha256, (opa_text){in->bytes.data, in->cut.begin},
                        (opa_text){in->bytes.data + in->cut.end, in->bytes.size - in->cut.end},
                        cut ? in->image_sha256 : NULL);
}

static void hash_text(opa_sha256 *h, opa_text text)
{
    number(h, text.data ? (uint64_t)text.size + 1 : 0);
    opa_sha256_add(h, text.data, text.size);
}

static void content_of(uint8_t out[OPA_SHA256_SIZE], opa_text revised, opa_text ground_truth, opa_text report)
{
    opa_sha256 h;
    opa_sha256_init(&h);
    hash_text(&h, revised);
    hash_text(&h, ground_truth);
    hash_text(&h, report);
    opa_sha256_done(out, &h);
}

void opa_content_of_nothing(uint8_t out[OPA_SHA256_SIZE])
{
    content_of(out, (opa_text){0}, (opa_text){0}, (opa_text){0});
}

/* What the record says beyond image, prompt and response. The report counts without its white space; an edit is what
 * its bytes are. */
static int hash_content(opa_batch_reader *reader, opa_item *item)
{
    const opa_incoming *in = &item->in;
    if (in->kind == OPA_INCOMING_EDIT) {
        memcpy(item->content, item->sha256, OPA_SHA256_SIZE);
        return OPA_OK;
    }
    opa_text report = in->report;
    if (report.data) {
        opa_json_writer_clear(reader->writer);
        opa_json_write_raw(reader->writer, report);
        const int status = opa_json_writer_finish(reader->writer, &report);
        if (status != OPA_OK)
            return status;
    }
    content_of(item->content, in->revised, in->ground_truth, report);
    return OPA_OK;
}

/* Align the sample, which proves its edit script, and keep the certificate. */
static int assess(opa_batch_reader *reader, opa_item *item)
{
    const opa_incoming *in = &item->in;
    const opa_sample sample = {
        .id = in->id,
        .prompt = in->prompt,
        .generated = in->generated,
        .revised = in->revised,
        .ground_truth = in->ground_truth,
        .report_expected = in->report_expected || in->report.data,
        .report = in->report,
    };
    opa_assessment assessment = {0};
    const int status = opa_assess(reader->ctx, &assessment, &sample, NULL, NULL);
    item->certificate = assessment.alignment.certificate;
    opa_assessment_release(&assessment);
    if (status != OPA_ERECORD)
        return status;
    item->certificate = OPA_BROKEN;
    return note(reader->ctx, &item->in, OPA_F_ALIGNMENT_PROOF, opa_context_message(reader->ctx));
}

static void read_item(opa_batch_reader *reader, opa_reader *formats, const opa_batch *batch, opa_item *item)
{
    opa_incoming *in = &item->in;
    in->bytes = (opa_text){batch->raw.data ? batch->raw.data + item->at.begin : "", item->at.end - item->at.begin};
    item->status = read_record(formats, batch->source->format, item);
    address(item, batch->source);
    if (item->status == OPA_OK)
        item->status = hash_content(reader, item);
    if (item->status == OPA_OK && in->kind != OPA_INCOMING_EDIT)
        item->status = assess(reader, item);
}

void opa_batch_read(opa_batch_reader *reader, opa_batch *batch)
{
    /* All images of the batch fit, however they are spread over its records. */
    const size_t need = OPA_BASE64_DECODED(batch->raw.size) + 3 * batch->count;
    if (batch->room_size < need) {
        free(batch->room);
        batch->room = malloc(need);
        batch->room_size = batch->room ? need : 0;
    }
    opa_reader formats = {reader->ctx, batch->source->images, batch->room, batch->room_size};
    for (size_t i = 0; i < batch->count; i++)
        read_item(reader, &formats, batch, &batch->items[i]);
}
