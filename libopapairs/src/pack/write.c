/* SPDX-License-Identifier: Apache-2.0 */
/* store -> pack. This thread reads the store and writes the shards, both in order of key; the threads between make
 * members. Nothing in a pack depends on their number, on the time or on the machine. */
#define _GNU_SOURCE /* sync_file_range */
#include <opapairs/pack.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/context.h"
#include "base/findings.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "pack/folder.h"
#include "pack/index.h"
#include "pack/known.h"
#include "pack/manifest.h"
#include "pack/pool.h"
#include "store/store.h"

#define DEFAULT_SHARD_SAMPLES 1000

/* The shard of each kind that is being filled. */
typedef struct open_shard {
    int fd; /* -1: none */
    char name[OPA_SHARD_NAME_SIZE];
    uint32_t number;
    uint64_t samples, bytes;
    opa_sha256 hash; /* the ranges in it have theirs already */
} open_shard;

typedef struct packer {
    opa_context *ctx;
    opa_store *store;
    const opa_pack_options *options;
    opa_pack_report *report;
    opa_folder folder;
    opa_manifest manifest;
    opa_known known;
    opa_job_setting setting;
    open_shard shards[OPA_SHARD_KINDS];
    opa_buffer index;
    uint8_t (*images)[OPA_SHA256_SIZE]; /* of every packed sample, for counting */
    size_t image_count, image_capacity;
    int64_t total;
} packer;

static int write_failed(packer *p, const char *name)
{
    return opa_folder_failed(&p->folder, name);
}

static int open_next_shard(packer *p, opa_shard_kind kind)
{
    open_shard *s = &p->shards[kind];
    opa_shard_name(s->name, kind, s->number++);
    s->samples = s->bytes = 0;
    opa_sha256_init(&s->hash);
    s->fd = opa_folder_create(&p->folder, s->name);
    return s->fd < 0 ? write_failed(p, s->name) : OPA_OK;
}

static int close_shard(packer *p, open_shard *s)
{
    static const char end[OPA_TAR_END];
    if (s->fd < 0)
        return OPA_OK;
    int status = opa_folder_write(&p->folder, s->fd, s->name, (opa_text){end, sizeof end});
    opa_sha256_add(&s->hash, end, sizeof end);
    /* Let the disk begin now; the fsync at the end then has little to wait for. Only a hint. */
    (void)sync_file_range(s->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (close(s->fd) != 0 && status == OPA_OK)
        status = write_failed(p, s->name);
    s->fd = -1;
    opa_shard *out = status ? NULL : opa_manifest_shard(&p->manifest, s->name);
    if (!out)
        return status ? status : opa_fail_memory(p->ctx);
    out->samples = s->samples;
    out->bytes = s->bytes + sizeof end;
    opa_sha256_done(out->sha256, &s->hash);
    return OPA_OK;
}

static int write_vector(packer *p, open_shard *s, struct iovec *v, int count)
{
    while (count > 0) {
        ssize_t n = writev(s->fd, v, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return write_failed(p, s->name);
        for (; count > 0 && (size_t)n >= v->iov_len; v++, count--)
            n -= (ssize_t)v->iov_len;
        if (count > 0) {
            v->iov_base = (char *)v->iov_base + n;
            v->iov_len -= (size_t)n;
        }
    }
    return OPA_OK;
}

/* iovec has no const; what it points to is only read. */
static struct iovec piece(opa_text text)
{
    union {
        const void *from;
        void *to;
    } u = {text.data};
    return (struct iovec){u.to, text.size};
}

/* Append a finished job's range to the shard of its kind. */
static int append_range(packer *p, const opa_job *job)
{
    open_shard *s = &p->shards[job->kind];
    const size_t most = p->options->shard_samples ? p->options->shard_samples : DEFAULT_SHARD_SAMPLES;
    int status = s->fd >= 0 && s->samples >= most ? close_shard(p, s) : OPA_OK;
    if (status == OPA_OK && s->fd < 0)
        status = open_next_shard(p, job->kind);
    if (status)
        return status;
    struct iovec v[sizeof job->pieces / sizeof *job->pieces];
    for (size_t i = 0; i < job->piece_count; i++) {
        v[i] = piece(job->pieces[i]);
        opa_sha256_add(&s->hash, job->pieces[i].data, job->pieces[i].size);
    }
    status = write_vector(p, s, v, (int)job->piece_count);
    if (status)
        return status;
    opa_pack_entry entry = {.key = {job->key, strlen(job->key)},
                            .id = job->sample.id,
                            .shard = {s->name, strlen(s->name)},
                            .offset = s->bytes,
                            .size = job->size};
    memcpy(entry.sha256, job->sha256, OPA_SHA256_SIZE);
    s->bytes += job->size;
    s->samples++;
    return opa_index_add_line(p->ctx, &p->index, &entry);
}

static int count_image(packer *p, const opa_sample *sample)
{
    if (!sample->has_image)
        return OPA_OK;
    if (p->image_count == p->image_capacity) {
        const size_t capacity = p->image_capacity ? p->image_capacity * 2 : 1024;
        void *more = realloc(p->images, capacity * sizeof *p->images);
        if (!more)
            return opa_fail_memory(p->ctx);
        p->images = more;
        p->image_capacity = capacity;
    }
    memcpy(p->images[p->image_count++], sample->image_sha256, OPA_SHA256_SIZE);
    return OPA_OK;
}

/* Tell the caller about a sample; a refusal to go on is OPA_ECANCELLED. */
static int tell(packer *p, const opa_sample *sample, int code, const char *field, const char *message)
{
    if (!p->options->finding)
        return OPA_OK;
    opa_findings list = {0};
    int status = opa_findings_add(&list, code, 0, field, "%s", message);
    if (status == OPA_OK)
        status = opa_findings_locate(&list, 0, sample->source_file.data, sample->source_record, sample->id);
    if (status)
        status = opa_fail_memory(p->ctx);
    else if (p->options->finding(p->options->user, &list.items[0]))
        status = opa_fail(p->ctx, OPA_ECANCELLED, "stopped");
    opa_findings_release(&list);
    return status;
}

static int leave_out(packer *p, const opa_job *job)
{
    p->report->left_out++;
    const char *reason = job->reason.data ? job->reason.data : "";
    const int status = opa_manifest_remark(p->ctx, &p->manifest.left_out, job->sample.id, job->left_out, reason);
    return status ? status : tell(p, &job->sample, job->left_out, NULL, reason);
}

static int take(packer *p, const opa_job *job)
{
    opa_manifest *m = &p->manifest;
    int status = append_range(p, job);
    for (size_t i = 0; i < job->flagged.count && status == OPA_OK; i++) {
        const opa_finding *f = &job->flagged.items[i];
        status = opa_manifest_remark(p->ctx, &m->flagged, job->sample.id, f->code, f->message);
        if (status == OPA_OK)
            status = tell(p, &job->sample, f->code, f->field, f->message);
    }
    if (status == OPA_OK)
        status = count_image(p, &job->sample);
    m->samples++;
    m->pairs.language += job->counts.pairs.language;
    m->pairs.image += job->counts.pairs.image;
    m->pairs.anchor += job->counts.pairs.anchor;
    for (int r = 0; r < OPA_ROLES; r++)
        m->tokens[r] += job->counts.tokens[r];
    p->report->bytes += (int64_t)job->size;
    return status;
}

static int finish_job(void *user, const opa_job *job)
{
    packer *p = user;
    if (job->status)
        return opa_fail(p->ctx, job->status, "sample %.*s: %s",
                        job->sample.id.size < 80 ? (int)job->sample.id.size : 80, job->sample.id.data,
                        opa_context_message(job->ctx));
    const int status = job->left_out ? leave_out(p, job) : take(p, job);
    const int64_t done = (int64_t)p->manifest.samples + p->report->left_out;
    if (status || !p->options->progress || (done % 32 && done != p->total))
        return status;
    const opa_progress progress = {
        .stage = "pack", .items = done, .items_total = p->total, .bytes = p->report->bytes, .bytes_total = -1};
    return p->options->progress(p->options->user, &progress) ? opa_fail(p->ctx, OPA_ECANCELLED, "stopped") : OPA_OK;
}

static int fill_job(packer *p, opa_job *job, opa_cursor *cursor)
{
    opa_sample sample;
    int status = opa_cursor_next(cursor, &sample);
    if (status)
        return status;
    const opa_known_error *error = opa_known_find(&p->known, sample.id);
    if (opa_job_fill(job, &sample))
        return opa_fail_memory(p->ctx);
    if (sample.has_image && !error && !sample.excluded &&
        (status = opa_store_image_into(p->store, &job->image, sample.image_sha256)) != OPA_OK)
        return status;
    if (error) {
        job->known_code = error->code;
        job->known_message = (opa_text){error->message, strlen(error->message)};
    }
    return OPA_OK;
}

typedef struct source {
    packer *packer;
    opa_cursor *cursor;
} source;

static int next_job(void *user, opa_job *job)
{
    const source *s = user;
    return fill_job(s->packer, job, s->cursor);
}

/* First pass: the checker learns what all samples have in common. */
static int note_all(packer *p)
{
    opa_cursor *cursor;
    opa_sample sample;
    int status = opa_store_samples(p->store, &cursor, OPA_ORDER_KEY);
    if (status)
        return status;
    while ((status = opa_cursor_next(cursor, &sample)) == OPA_OK)
        if ((status = opa_checker_note(p->setting.checker, &sample)))
            break;
    opa_cursor_free(cursor);
    return status == OPA_END ? OPA_OK : status;
}

static int pack_all(packer *p)
{
    source s = {.packer = p};
    int status = opa_store_samples(p->store, &s.cursor, OPA_ORDER_KEY);
    if (status)
        return status;
    status = opa_pool_run(p->ctx, &p->setting, p->options->threads, next_job, &s, finish_job, p);
    opa_cursor_free(s.cursor);
    for (int k = 0; k < OPA_SHARD_KINDS && status == OPA_OK; k++)
        status = close_shard(p, &p->shards[k]);
    return status;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, OPA_SHA256_SIZE);
}

static void count_distinct_images(packer *p)
{
    if (p->image_count)
        qsort(p->images, p->image_count, sizeof *p->images, by_bytes);
    for (size_t i = 0; i < p->image_count; i++)
        p->manifest.images += i == 0 || memcmp(p->images[i - 1], p->images[i], OPA_SHA256_SIZE) != 0;
}

static void add_sum(opa_buffer *sums, const char *name, const uint8_t sha256[OPA_SHA256_SIZE])
{
    char hex[2 * OPA_SHA256_SIZE + 1];
    opa_hex(hex, sha256, OPA_SHA256_SIZE);
    opa_buffer_printf(sums, "%s  %s\n", hex, name);
}

/* A small file and its sum. */
static int add_file(packer *p, opa_buffer *sums, const char *name, opa_text bytes)
{
    uint8_t digest[OPA_SHA256_SIZE];
    opa_sha256_of(digest, bytes.data, bytes.size);
    add_sum(sums, name, digest);
    p->report->bytes += (int64_t)bytes.size;
    return opa_folder_add(&p->folder, name, bytes);
}

/* index.tsv, manifest.json and SHA256SUMS, which is in order of name ("index" < "jpg" < "manifest" < "png" < "text").
 */
static int write_documents(packer *p)
{
    opa_json_writer *w;
    opa_buffer sums = {0};
    opa_text json;
    int status = opa_json_writer_new(p->ctx, &w);
    if (status)
        return status;
    count_distinct_images(p);
    status = opa_manifest_write(p->ctx, w, &p->manifest, &json);
    opa_buffer document = {0};
    if (status == OPA_OK) {
        opa_buffer_add_text(&document, json);
        opa_buffer_add_char(&document, '\n');
        status =
            document.failed ? opa_fail_memory(p->ctx) : add_file(p, &sums, "index.tsv", opa_buffer_text(&p->index));
    }
    bool manifest_done = false;
    for (size_t i = 0; i <= p->manifest.shard_count && status == OPA_OK; i++) {
        const opa_shard *s = i < p->manifest.shard_count ? &p->manifest.shards[i] : NULL;
        if (!manifest_done && (!s || strcmp(s->name, "manifest.json") > 0)) {
            status = add_file(p, &sums, "manifest.json", opa_buffer_text(&document));
            manifest_done = true;
        }
        if (s)
            add_sum(&sums, s->name, s->sha256);
    }
    if (status == OPA_OK)
        status =
            sums.failed ? opa_fail_memory(p->ctx) : opa_folder_add(&p->folder, "SHA256SUMS", opa_buffer_text(&sums));
    opa_buffer_release(&document);
    opa_buffer_release(&sums);
    opa_json_writer_free(w);
    return status;
}

static int run(packer *p, const char *path)
{
    int64_t images;
    int status = opa_folder_begin(p->ctx, &p->folder, path);
    if (status || (status = opa_store_counts(p->store, &p->total, &images)) ||
        (status = opa_checker_new(p->ctx, &p->setting.checker, NULL)) || (status = note_all(p)) ||
        (status = opa_known_load(p->ctx, &p->known, p->store)) || (status = pack_all(p)) ||
        (status = write_documents(p)))
        return status;
    return opa_folder_commit(&p->folder);
}

int opa_pack_write(opa_context *ctx, opa_store *store, const char *path, const opa_pack_options *options,
                   opa_pack_report *out)
{
    *out = (opa_pack_report){0};
    if (!options || !options->recipe || !options->tokenizer)
        return opa_fail(ctx, OPA_EINVAL, "a pack needs a recipe and a tokenizer");
    const int32_t eos = options->eos >= 0 ? options->eos : opa_tokenizer_eos(options->tokenizer);
    packer p = {.ctx = ctx, .store = store, .options = options, .report = out, .folder = {.fd = -1}};
    p.manifest =
        (opa_manifest){.recipe = options->recipe, .tokenizer = options->tokenizer, .eos = eos, .seed = options->seed};
    p.setting.pairs = (opa_pairs_options){
        .recipe = options->recipe, .tokenizer = options->tokenizer, .eos = eos, .seed = options->seed};
    p.setting.skip_images = options->skip_images;
    for (int k = 0; k < OPA_SHARD_KINDS; k++)
        p.shards[k].fd = -1;
    if (pthread_mutex_init(&p.setting.checker_lock, NULL))
        return opa_fail_memory(ctx);
    const int status = run(&p, path);
    out->samples = (int64_t)p.manifest.samples;
    out->pairs = p.manifest.pairs;
    out->shards = (int64_t)p.manifest.shard_count;
    for (int k = 0; k < OPA_SHARD_KINDS; k++)
        if (p.shards[k].fd >= 0)
            close(p.shards[k].fd);
    opa_folder_release(&p.folder);
    opa_checker_free(p.setting.checker);
    pthread_mutex_destroy(&p.setting.checker_lock);
    opa_known_release(&p.known);
    opa_manifest_release(&p.manifest);
    opa_buffer_release(&p.index);
    free(p.images);
    return status;
}
