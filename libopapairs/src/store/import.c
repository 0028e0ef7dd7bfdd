/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a file into the store: the calling thread cuts it into batches of records and writes batches that were
 * read, in order; other threads read them in between (pipeline.h). */
#define _XOPEN_SOURCE 700 /* realpath */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "store/pipeline.h"
#include "store/waiting.h"
#include "store/writer.h"

/* So much stays in a processor's own cache from reading to writing. */
#define BATCH_BYTES ((size_t)256 << 10)
#define BATCH_RECORDS 256
/* What one transaction holds: less costs a commit more often, more gives nothing and is lost at a kill; all of it fits
 * the page cache (db.c), so readers are kept out by nothing but the commit, and the other threads have enough to do
 * while it lasts. */
#define TRANSACTION_BYTES ((int64_t)8 << 20)

typedef struct job {
    opa_store *store;
    opa_context *ctx;
    const opa_import_options *options;
    opa_import_report *out;
    opa_writer writer;
    opa_pipeline *pipeline;
    opa_source *sources;
    size_t count, current;
    opa_json_stream *stream; /* of the current source */
    int64_t stream_done;     /* bytes of it that are in batches */
    int64_t total;           /* bytes of all files, -1 unknown */
    int64_t uncommitted;     /* bytes */
    bool open;               /* a transaction is */
} job;

/* ---- from files to batches ---- */

static int fail_source(job *j, opa_source *source, int status, const char *message)
{
    source->status = status;
    free(source->message);
    source->message = strdup(message);
    return source->message ? OPA_OK : opa_fail_memory(j->ctx);
}

static void close_current(job *j)
{
    opa_json_stream_free(j->stream);
    j->stream = NULL;
    j->stream_done = 0;
    j->current++;
}

/* "of no known format (...); its keys are a, b, c" */
static void describe(opa_buffer *out, const opa_json *doc)
{
    opa_buffer_add_string(out, "records of no known format (");
    opa_format_names(out);
    opa_buffer_add_string(out, "); the first has the keys ");
    int n = 0;
    for (const cJSON *member = opa_json_root(doc)->child; member && n < 8; member = member->next, n++) {
        opa_buffer_add_string(out, n ? ", " : "");
        opa_utf8_clean(out, opa_json_key(doc, member));
    }
}

static const opa_format *format_named(const char *name)
{
    return opa_format_lookup((opa_text){name, strlen(name)});
}

/* The format of a source by the first record of its first batch that says it. */
static int recognise(job *j, opa_source *source, const opa_batch *batch)
{
    opa_buffer why = {0};
    int status = OPA_OK;
    bool refused = false, cut = false;
    for (size_t i = 0; i < batch->count && !source->format && status == OPA_OK; i++) {
        const opa_item *item = &batch->items[i];
        cut |= item->truncated;
        if (item->truncated || item->oversize)
            continue;
        const opa_text bytes = {batch->raw.data + item->at.begin, item->at.end - item->at.begin};
        opa_json *doc = NULL;
        const opa_json_options options = {.max_depth = 128, .max_size = (size_t)256 << 20, .first_line = item->line};
        status = opa_json_parse(j->ctx, &doc, bytes, &options, NULL);
        if (status == OPA_OK)
            source->format = opa_format_recognise(opa_json_root(doc));
        if (status == OPA_OK && !source->format && cJSON_IsObject(opa_json_root(doc)) && !why.size)
            describe(&why, doc);
        opa_json_free(doc);
        if (status == OPA_EDATA) {
            refused = true;
            status = OPA_OK;
        }
    }
    if (status == OPA_OK && !source->format) {
        if (!why.size)
            opa_buffer_printf(&why, "no record of the file could be read%s%s",
                              refused ? ": "
                              : cut   ? ": it is cut"
                                      : ": a record is a JSON object, and it holds none",
                              refused ? opa_context_message(j->ctx) : "");
        status = why.failed ? opa_fail_memory(j->ctx) : fail_source(j, source, OPA_EDATA, why.data);
    }
    opa_buffer_release(&why);
    return status;
}

/* Records into the batch until it is full or the file ends (batch->last). A file that cannot be read on ends with its
 * reason. */
static int fill(job *j, opa_source *source, opa_batch *batch)
{
    opa_json_record record;
    int64_t done, size;
    while (batch->raw.size < BATCH_BYTES && batch->count < BATCH_RECORDS) {
        const int status = opa_json_stream_next(j->stream, &record);
        if (status == OPA_ENOMEM)
            return status;
        batch->last = status != OPA_OK && status != OPA_ERECORD;
        if (batch->last && status != OPA_END && fail_source(j, source, status, opa_context_message(j->ctx)) != OPA_OK)
            return OPA_ENOMEM;
        if (batch->last)
            break;
        if (status == OPA_ERECORD)
            record.bytes = (opa_text){0};
        opa_item *item = opa_batch_add(batch, &record);
        if (!item)
            return opa_fail_memory(j->ctx);
        item->oversize = status == OPA_ERECORD;
    }
    opa_json_stream_progress(j->stream, &done, &size);
    batch->bytes = done - j->stream_done;
    j->stream_done = done;
    return OPA_OK;
}

static int open_source(job *j, opa_source *source)
{
    const int status = opa_json_stream_open(j->ctx, &j->stream, source->path, NULL, &source->findings);
    if (status == OPA_OK || status == OPA_ENOMEM)
        return status;
    return fail_source(j, source, status, opa_context_message(j->ctx));
}

/* The next batch of the current file; OPA_END after the last file. A file that cannot be opened or recognised gives one
 * empty batch, so that it is reported in its turn. */
static int read_batch(job *j, opa_batch *batch)
{
    opa_source *source = &j->sources[j->current];
    batch->source = source;
    int status = j->stream ? OPA_OK : open_source(j, source);
    if (status == OPA_OK && j->stream)
        status = fill(j, source, batch);
    if (status == OPA_OK && !source->format && source->status == OPA_OK && batch->count)
        status = recognise(j, source, batch);
    if (status != OPA_OK)
        return status;
    if (!source->format)
        batch->count = 0;
    if (!source->format || !j->stream)
        batch->last = true;
    if (batch->last)
        close_current(j);
    return OPA_OK;
}

/* ---- from batches into the store ---- */

static int commit(job *j)
{
    int status = OPA_OK;
    if (j->open && !j->options->dry_run) {
        status = opa_db_exec(&j->store->db, "COMMIT");
        j->open = status != OPA_OK;
    }
    if (status != OPA_OK)
        return status;
    /* Only what is committed is reported. */
    *j->out = j->writer.report;
    j->uncommitted = 0;
    const opa_progress progress = {"import", j->out->records, -1, j->out->bytes, j->total};
    if (j->options->progress && j->options->progress(j->options->user, &progress) != 0)
        return opa_fail(j->ctx, OPA_ECANCELLED, "stopped");
    return OPA_OK;
}

static int begin(job *j)
{
    const int status = j->open ? OPA_OK : opa_db_exec(&j->store->db, "BEGIN IMMEDIATE");
    j->open = status == OPA_OK;
    return status;
}

static int write_batch(job *j, opa_batch *batch)
{
    int status = begin(j);
    for (size_t i = 0; i < batch->count && status == OPA_OK; i++)
        status = opa_writer_item(&j->writer, batch->source, &batch->items[i]);
    if (status == OPA_OK && batch->last)
        status = opa_writer_file(&j->writer, batch->source);
    j->writer.report.bytes += batch->bytes;
    j->uncommitted += batch->bytes;
    if (status == OPA_OK && j->uncommitted >= TRANSACTION_BYTES)
        status = commit(j);
    return status;
}

/* Write what is ready, read while there is room, else wait. */
static int run(job *j)
{
    int status = OPA_OK;
    while (status == OPA_OK) {
        const bool more = j->current < j->count;
        opa_batch *batch = opa_pipeline_pop(j->pipeline, !more || opa_pipeline_full(j->pipeline));
        if (batch) {
            status = write_batch(j, batch);
            opa_pipeline_recycle(j->pipeline, batch);
            continue;
        }
        if (!more)
            break;
        if (!(batch = opa_pipeline_batch(j->pipeline)))
            return opa_fail_memory(j->ctx);
        status = read_batch(j, batch);
        if (status == OPA_OK)
            opa_pipeline_push(j->pipeline, batch);
        else
            opa_batch_free(batch);
    }
    if (status == OPA_OK)
        status = begin(j);
    if (status == OPA_OK)
        status = opa_waiting_take(&j->writer);
    return status == OPA_OK ? commit(j) : status;
}

/* ---- the whole ---- */

/* The file by its path, of which the store keeps nothing but a hash. */
static int find_origin(opa_source *source)
{
    char *path = realpath(source->path, NULL);
    if (!path)
        return errno == ENOMEM ? OPA_ENOMEM : OPA_OK;
    opa_sha256_of(source->origin, path, strlen(path));
    source->has_origin = true;
    free(path);
    return OPA_OK;
}

static int name_sources(job *j, const char *const *paths)
{
    j->sources = calloc(j->count ? j->count : 1, sizeof *j->sources);
    if (!j->sources)
        return opa_fail_memory(j->ctx);
    for (size_t i = 0; i < j->count; i++) {
        opa_source *source = &j->sources[i];
        struct stat info;
        source->path = paths[i];
        source->name = opa_base_name(paths[i]);
        source->format = j->options->format ? format_named(j->options->format) : NULL;
        const size_t folder = (size_t)(source->name - paths[i]);
        source->images = j->options->images ? strdup(j->options->images)
                         : folder           ? strndup(paths[i], folder > 1 ? folder - 1 : folder)
                                            : strdup(".");
        if (!source->images)
            return opa_fail_memory(j->ctx);
        const bool regular = stat(paths[i], &info) == 0 && S_ISREG(info.st_mode);
        j->total = j->total >= 0 && regular ? j->total + info.st_size : -1;
        if (regular && find_origin(source) != OPA_OK)
            return opa_fail_memory(j->ctx);
    }
    return OPA_OK;
}

static void release(job *j)
{
    /* First the threads, which still look at sources. */
    opa_pipeline_free(j->pipeline);
    opa_json_stream_free(j->stream);
    opa_writer_release(&j->writer);
    for (size_t i = 0; j->sources && i < j->count; i++) {
        free(j->sources[i].images);
        free(j->sources[i].message);
        opa_findings_release(&j->sources[i].findings);
        opa_buffer_release(&j->sources[i].sort_key);
        opa_keys_release(&j->sources[i].quarantined);
    }
    free(j->sources);
}

static int threads_of(const opa_import_options *options)
{
    if (options->threads > 0)
        return options->threads;
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 16 ? 16 : (int)n;
}

static int import_all(job *j, const char *const *paths)
{
    int status = name_sources(j, paths);
    if (status == OPA_OK)
        status = opa_writer_init(&j->writer, j->store, j->options);
    if (status == OPA_OK)
        status = opa_pipeline_new(j->ctx, &j->pipeline, threads_of(j->options));
    if (status == OPA_OK)
        status = run(j);
    opa_db_rollback(&j->store->db);
    return status;
}

/* Into an empty store nothing waits for the disk, as with cp and tar: a kill loses nothing; a power cut before the
 * store is closed may cost it, and all that was in it is in the files still. And what goes behind the end of the file
 * needs no log: with a rollback journal, which holds what was there before, every page is written once and not twice.
 * Readers then wait while a transaction ends, and it for them. Where somebody has the store open, the log stays. */
static int begin_load(opa_store *store)
{
    int64_t records = 0;
    int status = opa_db_integer(&store->db, &records, "SELECT EXISTS (SELECT 1 FROM records)");
    if (status != OPA_OK || records)
        return status;
    status = opa_db_exec(&store->db, "PRAGMA synchronous = OFF");
    sqlite3_exec(store->db.handle, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    return status;
}

static void end_load(opa_store *store)
{
    sqlite3_exec(store->db.handle, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    opa_store_use_log(store);
}

int opa_store_import(opa_store *store, const char *const *paths, size_t count, const opa_import_options *options,
                     opa_import_report *out)
{
    static const opa_import_options defaults = OPA_IMPORT_OPTIONS_INIT;
    opa_lock lock;
    opa_import_report unused;
    job j = {.store = store,
             .ctx = store->ctx,
             .options = options ? options : &defaults,
             .out = out ? out : &unused,
             .count = count};
    *j.out = (opa_import_report){0};
    if (j.options->format && !format_named(j.options->format))
        return opa_fail(store->ctx, OPA_EINVAL, "no format is called \"%s\"", j.options->format);
    int status = opa_store_lock(store, &lock, "importing");
    if (status != OPA_OK)
        return status;
    status = begin_load(store);
    if (status == OPA_OK)
        status = import_all(&j, paths);
    end_load(store);
    opa_lock_release(&lock);
    release(&j);
    return status;
}
